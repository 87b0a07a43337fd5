"""What is new in a feed for a reader who holds an earlier version of it (RFC 3229 with `A-IM: feed`). Pure.

Beside a feed stands its history: which versions there were before, and with which of them each of its entries came.
It grows with the feed only, whatever the number of versions, and a feed that never changed has none.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

FEEDS = (".atom", ".rss")
ENDING = ".versions"  # of the history's file, which is hidden: `.<name of the feed>.versions`
MOST_VERSIONS = 64
_ONE_CHANGE = 60  # seconds within which several versions count as one change
_MARK = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<(/?)(?:entry|item)(?=[\s>])", re.S)


@dataclass(frozen=True, slots=True)
class Piece:
    """An entry as it stands in a feed: from where to where, and the digest of its bytes."""

    start: int
    end: int
    digest: str


@dataclass(frozen=True, slots=True)
class History:
    """The versions before the current one: entity tag and Unix time, oldest first, numbered from `first` on; and the
    number of the version with which each entry of the current one came, by the digest of its bytes."""

    current: str
    first: int = 0
    versions: tuple[tuple[str, int], ...] = ()
    came: dict[str, int] = field(default_factory=dict)

    def newest_of(self, tags: Collection[str]) -> str | None:
        """Give the newest of the versions that a reader holds; None when none of them is known."""
        return next((tag for tag, _ in reversed(self.versions) if tag in tags), None)


def pieces(body: bytes) -> list[Piece]:
    """Find the entries of an Atom or RSS document that we rendered, with the white space after them."""
    found: list[Piece] = []
    start = -1
    for mark in _MARK.finditer(body):
        if mark[1] == b"":
            start = mark.start()
        elif mark[1] and start >= 0:
            found.append(_piece(body, start, body.index(b">", mark.end()) + 1))
            start = -1
    return found


def grown(
    history: History | None,
    before: bytes,
    tag: str,
    written: int,
    after: bytes,
    new_tag: str,
    digests: Iterable[str] | None = None,
) -> History:
    """Give the history of a feed that replaces the version `before`, written at the Unix time `written`.

    One that is not that of `before`, as after a crash, is begun anew. `digests` are those of the entries in `after`,
    where they are known.
    """
    known = history if history is not None and history.current == tag else _begun(before, tag)
    versions = (*known.versions, (tag, written))
    number = known.first + len(versions)
    names = (piece.digest for piece in pieces(after)) if digests is None else digests
    came = {name: known.came.get(name, number) for name in names}
    dropped = max(0, len(versions) - MOST_VERSIONS)
    return History(new_tag, known.first + dropped, versions[dropped:], came)


def digest(entry: bytes) -> str:
    """Give what tells an entry from others, by its bytes from the first of its tags to the last."""
    return hashlib.blake2b(entry, digest_size=8).hexdigest()


def since(history: History, tag: str, body: bytes) -> bytes:
    """Give a feed with only those entries that came after the version `tag`, which the history must know."""
    number = history.first + max(place for place, (known, _) in enumerate(history.versions) if known == tag)
    old = [piece for piece in pieces(body) if history.came.get(piece.digest, number + 1) <= number]
    return b"".join(_without(body, old))


def usual_gap(history: History, written: int) -> int | None:
    """Give the median of the seconds between two changes; None while there was no second one. `written` is when the
    current version was."""
    times = [*(time for _, time in history.versions), written]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    longer = [gap for gap in gaps if gap >= _ONE_CHANGE]
    return int(median(longer or gaps)) if gaps else None


def dump(history: History) -> bytes:
    """Give the history as its file holds it."""
    facts = {"current": history.current, "first": history.first, "versions": history.versions, "came": history.came}
    return json.dumps(facts, separators=(",", ":")).encode()


def load(file: bytes | None) -> History | None:
    """Read the file of a history; None for what is none."""
    try:
        facts = json.loads(file or b"")
        versions = tuple((str(tag), int(time)) for tag, time in facts["versions"])
        came = {str(digest): int(number) for digest, number in facts["came"].items()}
        return History(str(facts["current"]), int(facts["first"]), versions, came)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _begun(body: bytes, tag: str) -> History:
    return History(tag, came={piece.digest: 0 for piece in pieces(body)})


def _piece(body: bytes, start: int, end: int) -> Piece:
    name = digest(body[start:end])
    while body[end : end + 1].isspace():
        end += 1
    return Piece(start, end, name)


def _without(body: bytes, left_out: list[Piece]) -> Iterator[bytes]:
    place = 0
    for piece in left_out:
        yield body[place : piece.start]
        place = piece.end
    yield body[place:]
