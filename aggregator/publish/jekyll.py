"""Articles as the posts of a Jekyll site, with a page per category: files that are kept true to the store.

A post is `_posts/YYYY-MM-DD-<infoCode>.md`: front matter, the text as HTML, the original's address, and the ways back.
Beside them a list of what was written stands, in the form of `sha256sum`: only files in it that nobody changed are
ever written over or removed.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from aggregator import front_matter
from aggregator.errors import PublishError
from aggregator.publish.words import words_in
from aggregator.publish.writer import put_in_place, sweep_leftovers, sync_folder
from aggregator.records import Channel, Document, ExportReport, Site, StoredEntry

MANIFEST = ".aggregator-manifest"
_LINE = re.compile(r"([0-9a-f]{64})  ((?:_posts|category)/[A-Za-z0-9._-]+)")
_POSTS, _PAGES = "_posts/", "category/"

_LAYOUT = """---
layout: default
---
<h1>{{ page.title | escape }}</h1>
<ul>
{% for post in site.categories[page.category] %}
<li>{{ post.date | date: "%Y-%m-%d" }} <a href="{{ post.url | relative_url }}">{{ post.title | escape }}</a></li>
{% endfor %}
</ul>
"""


# --- one article ----------------------------------------------------------------------------------------


def post(site: Site, entry: StoredEntry) -> Document:
    """Give an article as a post. The file is named by the day on which it came out, in the site's time zone."""
    when = (entry.published or entry.sort_date).astimezone(ZoneInfo(site.timezone))
    text = _front_matter(entry, when) + _text(entry.content or entry.summary)
    text = "\n\n".join(part for part in (text, _original(entry), _ways_back(site, entry)) if part) + "\n"
    return Document(f"{_POSTS}{when:%Y-%m-%d}-{entry.info_code}.md", text.encode())


def _front_matter(entry: StoredEntry, when: datetime) -> str:
    values: dict[str, front_matter.Value] = {
        "layout": "post",
        "title": entry.title,
        "date": when.strftime("%Y-%m-%d %H:%M:%S %z"),
        "categories": _one_or_several([channel.slug for channel in entry.channels]),
        "tags": _one_or_several([_title(channel) for channel in entry.channels]),
        "author": entry.author,
    }
    said = {key: value for key, value in values.items() if value or key == "title"}
    return front_matter.write(said, quoted=["title"])


def _title(channel: Channel) -> str:
    return channel.title or channel.name or channel.slug


def _one_or_several(names: Sequence[str]) -> front_matter.Value:
    """One name stands by itself; but Jekyll takes a text with spaces for several."""
    return names[0] if len(names) == 1 and not re.search(r"\s", names[0]) else tuple(names)


def page(channel: Channel) -> Document:
    """Give the page of a category; its layout lists the posts."""
    values = {"layout": "category", "title": _title(channel), "category": channel.slug}
    return Document(f"{_PAGES}{channel.slug}.html", front_matter.write(values).encode())


# --- a text that neither Liquid nor Markdown changes ------------------------------------------------------

_LIQUID = re.compile(r"\{(?=[{%])")
_PARAGRAPHS = re.compile(r"(?:<p(?: [^<>\n]*+)?>(?:[^<\n]++|<(?!/?p[\s>]))*+</p>(?:\n? ?))*+")
_EMPTY_LINE = re.compile(r"\n(?=[ \t]*\n)")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|&~$]")


def _text(html: str) -> str:
    """Give sanitised HTML so that Jekyll shows it as it is, and reading it gives it back.

    Paragraphs are left alone by Markdown; anything else is wrapped, since a line of it may look like a list or code. An
    empty line would end the wrapping for some Markdowns, and stands as a reference.
    """
    safe = _LIQUID.sub("&#123;", html)
    if not safe or _PARAGRAPHS.fullmatch(safe):
        return safe
    return _EMPTY_LINE.sub("&#10;", safe).join(front_matter.WRAP)


def _original(entry: StoredEntry) -> str:
    link = entry.link.replace("{", "%7B").replace("}", "%7D")
    return f"<{link}>" if link.startswith(("http://", "https://", "ftp://", "mailto:")) else ""


def _ways_back(site: Site, entry: StoredEntry) -> str:
    words = words_in(site.language)
    ways = [(words.back_to(_title(channel)), f"{site.url}{_PAGES}{channel.slug}.html") for channel in entry.channels]
    ways.append((words.back_to(words.home), site.url))
    return "｜".join(f"[{_escaped(name)}]({address})" for name, address in ways)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", text)


# --- the folder -------------------------------------------------------------------------------------------


class Export:
    """Keeps a folder true to what it is given: first all of it, then `settle`. One at a time per folder.

    What it must remember of a file is its path and a digest, so a store of any size needs little memory.

    Raises:
        PublishError: from every verb, when the disk refuses; what was written so far stays, and the next run goes on.
    """

    def __init__(self, site: Site, directory: Path) -> None:
        self._site = site
        self._directory = directory
        self._manifest = directory / MANIFEST
        self._ours = _read_manifest(self._manifest)
        self._now: dict[str, bytes] = {}
        self._left: list[str] = []
        self._written = self._unchanged = 0
        with _reporting(directory):
            for folder in (_POSTS, _PAGES):
                sweep_leftovers(directory / folder)

    def posts(self, entries: Iterable[StoredEntry]) -> None:
        """Write articles as posts."""
        self._put([post(self._site, entry) for entry in entries])

    def pages(self, channels: Iterable[Channel]) -> None:
        """Write the pages of categories, and a layout for them where the site has none."""
        self._put([page(channel) for channel in channels])
        layout = self._directory / "_layouts" / "category.html"
        if not layout.exists():
            self._write([(layout, _LAYOUT.encode())])

    def settle(self) -> ExportReport:
        """Remove what was not given again, and report."""
        removed = sum(self._remove(path) for path in sorted(set(self._ours) - set(self._now)))
        lines = [f"{digest.hex()}  {path}\n" for path, digest in sorted(self._now.items())]
        body = "".join(lines).encode()
        if body != _bytes_of(self._manifest):
            self._write([(self._manifest, body)])
        return ExportReport(self._written, self._unchanged, removed, tuple(sorted(self._left)))

    def _put(self, documents: Sequence[Document]) -> None:
        outdated = []
        for document in documents:
            digest = sha256(document.body).digest()
            standing = self._digest_of(document.path)
            if standing == digest:
                self._unchanged += 1
            elif standing is None or standing in self._ours.get(document.path, ()):
                outdated.append((document, digest))
            else:
                self._leave(document.path)
                continue
            self._now[document.path] = digest
        self._announce(outdated)
        self._write([(self._directory / document.path, document.body) for document, _ in outdated])
        self._written += len(outdated)

    def _leave(self, path: str) -> None:
        """Somebody changed the file, or wrote it; where it was ours once, that is not forgotten."""
        self._left.append(path)
        if path in self._ours:
            self._now[path] = self._ours[path][-1]

    def _announce(self, outdated: Sequence[tuple[Document, bytes]]) -> None:
        """Note what will be written before it is: a file of ours that a crash leaves behind is still known."""
        if not outdated:
            return
        with _reporting(self._manifest):
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._manifest.open("a", encoding="utf-8") as file:
                file.writelines(f"{digest.hex()}  {document.path}\n" for document, digest in outdated)

    def _write(self, files: Sequence[tuple[Path, bytes]]) -> None:
        folders: dict[Path, list[tuple[Path, bytes]]] = defaultdict(list)
        for path, body in files:
            folders[path.parent].append((path, body))
        for folder, own in folders.items():
            with _reporting(folder):
                folder.mkdir(parents=True, exist_ok=True)
                put_in_place(own)
                sync_folder(folder)

    def _remove(self, path: str) -> bool:
        standing = self._digest_of(path)
        if standing is None:
            return False
        if standing not in self._ours[path]:
            self._left.append(path)  # and forgotten: from now on it is theirs who changed it
            return False
        with _reporting(self._directory / path):
            (self._directory / path).unlink()
        return True

    def _digest_of(self, path: str) -> bytes | None:
        body = _bytes_of(self._directory / path)
        return None if body is None else sha256(body).digest()


def _read_manifest(path: Path) -> dict[str, tuple[bytes, ...]]:
    """Give the digests that a file of ours may have, by path: more than one after a run that was cut short."""
    found: dict[str, tuple[bytes, ...]] = {}
    with _reporting(path):
        text = (_bytes_of(path) or b"").decode("utf-8", "replace")
    for match in filter(None, map(_LINE.fullmatch, text.splitlines())):
        found[match[2]] = (*found.get(match[2], ()), bytes.fromhex(match[1]))
    return found


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _reporting(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        where = fault.filename or place
        raise PublishError(f"{where}: {fault.strerror or fault}; the folder must be writable and have room") from fault
