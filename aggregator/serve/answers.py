"""Answers made ready: the two ASGI messages of each, built once and sent any number of times."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Message

SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src * data:; media-src *; frame-src https:;"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NO_BODY: Message = {"type": "http.response.body", "body": b""}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{status}</title>
<link rel="stylesheet" href="{root}static/style.css">
</head>
<body>
<main class="reading">
<header class="heading"><h1>{status}</h1></header>
<p lang="zh">{chinese}</p>
<p>{english}</p>
<p class="after"><a class="original" href="{root}index.html"><span lang="zh">返回首页</span> · Home</a></p>
</main>
</body>
</html>
"""
_WORDS = {
    401: ("需要访问令牌才能阅读这里的内容。", "This needs an access token: as password, or as ?token= in the address."),
    301: ("这个频道已改名，请更新订阅地址。", "This has moved: the address in your subscription is out of date."),
    403: ("这里只对本机开放。", "This is for the operator: from this machine, or with a token for it."),
    404: ("这里没有这个页面，也许它已被移走。", "There is no such page here. It may have been moved."),
    410: ("这个页面已被移除，不会再回来。", "This has been removed, and does not come back."),
    429: ("请求过于频繁，请稍后再来。", "You ask too often. Please come back later."),
    503: ("搜索的人太多了，请稍后再试。", "Too many search at once. Please try again in a moment."),
    500: ("服务器出错了，请稍后再来。", "Something went wrong here. Please come back later."),
}


class Answer(NamedTuple):
    """An answer as it is sent: its status and headers, then its body. `head` is the former as HTTP/1.1 writes it, but
    for the headers that the server adds and the empty line."""

    start: Message
    head: bytes
    body: Message = NO_BODY

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.start["status"])

    def bodiless(self) -> "Answer":
        """Give the answer to HEAD: its length is still that of the body (RFC 9110 §9.3.2)."""
        return Answer(self.start, self.head)


def answer(status: int, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """Make an answer ready; with None it has no body and says no length."""
    said = dict(headers) if body is None else {**headers, "Content-Length": str(len(body))}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.items()]
    start: Message = {"type": "http.response.start", "status": status, "headers": pairs}
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    head = line + b"".join(name + b": " + value + b"\r\n" for name, value in pairs)
    return Answer(start, head, {"type": "http.response.body", "body": body} if body else NO_BODY)


def page(status: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Say kindly that there is nothing to be had, with a way home that works under any prefix. The page names neither
    the path nor anything else of the request."""
    chinese, english = _WORDS[status]
    text = _PAGE.format(status=status, chinese=chinese, english=english, root="../" * path.count("/"))
    said = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", **(headers or {}), **SAFETY}
    return answer(status, said, text.encode())
