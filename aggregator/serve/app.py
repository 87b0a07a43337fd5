"""The published files as an ASGI application: exact types, validators, compression, nothing unpublished."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from aggregator.serve.files import FEED_ENDINGS, TYPES, PublishedFile, PublishedFiles
from aggregator.serve.negotiate import accepts_gzip, not_modified

INDEX = "index.html"
METHODS = ("GET", "HEAD")
SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src * data:; media-src *; frame-src https:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NOT_FOUND = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>404</title>
<link rel="stylesheet" href="{root}static/style.css">
</head>
<body>
<main class="reading">
<header class="heading"><h1>404</h1></header>
<p lang="zh">这里没有这个页面，也许它已被移走。</p>
<p>There is no such page here. It may have been moved.</p>
<p class="after"><a class="original" href="{root}index.html"><span lang="zh">返回首页</span> · Home</a></p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What is served, and how long a reader may take an answer for fresh."""

    directory: Path
    max_age: timedelta = timedelta(minutes=5)


def create_app(options: ServeOptions) -> Starlette:
    """Make the application that serves what is published below `options.directory`, at the same paths."""
    app = Starlette(routes=[Mount("/", app=_Published(options))])
    app.router.redirect_slashes = False  # its redirects are built from the Host header, which anyone may write
    return app


class _Published:
    """Answers every request from the published files."""

    def __init__(self, options: ServeOptions) -> None:
        self._files = PublishedFiles(options.directory)
        self._freshness = {"Cache-Control": f"public, max-age={int(options.max_age.total_seconds())}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in METHODS:
            return Response(status_code=405, headers={"Allow": ", ".join(METHODS), **SAFETY})
        path = request.scope["path"].removeprefix("/") or INDEX
        file = await self._files.get(path)
        if file is None:
            return _not_found(request.method, path)
        headers = self._headers(path, file)
        if _is_known(request, file):
            return Response(status_code=304, headers=headers | {"ETag": _tag(request, file)})
        return _content(request, file, headers)

    def _headers(self, path: str, file: PublishedFile) -> dict[str, str]:
        headers = {"Last-Modified": file.last_modified, "Vary": "Accept-Encoding", **self._freshness, **SAFETY}
        if path.endswith(FEED_ENDINGS):
            headers["Access-Control-Allow-Origin"] = "*"
        return headers


def _is_known(request: Request, file: PublishedFile) -> bool:
    tags = request.headers.getlist("if-none-match")
    since = request.headers.get("if-modified-since")
    return not_modified(file.digest, file.modified, ", ".join(tags) if tags else None, since)


def _wants_gzip(request: Request, file: PublishedFile) -> bool:
    return bool(file.gzipped) and accepts_gzip(", ".join(request.headers.getlist("accept-encoding")))


def _tag(request: Request, file: PublishedFile) -> str:
    """Give the strong entity tag of the variant that this request gets."""
    return f'"{file.digest}-gzip"' if _wants_gzip(request, file) else f'"{file.digest}"'


def _content(request: Request, file: PublishedFile, headers: dict[str, str]) -> Response:
    headers |= {"ETag": _tag(request, file), "Content-Type": file.type}
    body = file.body
    if _wants_gzip(request, file):
        headers["Content-Encoding"] = "gzip"
        body = file.gzipped
    return _with_body(request.method, 200, body, headers)


def _with_body(method: str, status: int, body: bytes, headers: dict[str, str]) -> Response:
    """Give an answer whose length is that of its body also where HEAD asks for none (RFC 9110 §9.3.2)."""
    headers["Content-Length"] = str(len(body))
    return Response(b"" if method == "HEAD" else body, status, headers)


def _not_found(method: str, path: str) -> Response:
    """Say kindly that there is nothing, with a way home that works under any prefix."""
    page = NOT_FOUND.format(root="../" * path.count("/"))
    headers = {"Content-Type": TYPES[".html"], "Cache-Control": "no-cache", **SAFETY}
    return _with_body(method, 404, page.encode(), headers)
