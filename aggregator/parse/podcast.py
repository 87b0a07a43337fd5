"""What goes with the file of a podcast: how long it is, which episode, its cover, transcript and chapters (the
namespaces of iTunes and of podcastindex.org, as feedparser hands them on; of several transcripts it keeps the last)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aggregator.records import Enclosure, EnclosureRel

_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,5}):)?(\d{1,7})(?:\.\d*)?")
_NUMBER = re.compile(r"[0-9]{1,6}")
_TYPES = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "txt": "text/plain",
    "html": "text/html",
    "json": "application/json",
}


@dataclass(frozen=True, slots=True)
class Episode:
    """What an item says of its recording; numbers are 0 where they are not said."""

    duration_seconds: int
    season: int
    episode: int
    extras: tuple[Enclosure, ...]


def read(entry: Mapping[str, Any]) -> Episode:
    """Read what an entry of feedparser's says of its recording."""
    thumbnails = entry.get("media_thumbnail")
    first = thumbnails[0] if isinstance(thumbnails, list) and thumbnails else None
    found = (
        _extra("image", _said(entry.get("image"), "href") or _said(first, "url"), ""),
        _extra("transcript", *_address(entry.get("podcast_transcript"))),
        _extra("chapters", *_address(entry.get("podcast_chapters"))),
    )
    return Episode(
        seconds(_said(entry, "itunes_duration")),
        _number(_said(entry, "itunes_season") or _said(entry, "podcast_season")),
        _number(_said(entry, "itunes_episode") or _said(entry, "podcast_episode")),
        tuple(extra for extra in found if extra),
    )


def with_episode(
    files: Iterable[Enclosure], told: Episode, absolute: Callable[[str], str]
) -> tuple[Enclosure, ...]:
    """Put what is told of an episode to its recording, the first file that is no picture; a cover stands by itself."""
    found = list(files)
    place = next((n for n, each in enumerate(found) if not each.type.startswith("image/")), None)
    known = {each.url for each in found}
    extras = [extra for extra in told.extras if extra.url not in known and (place is not None or extra.rel == "image")]
    if place is not None:
        found[place] = replace(
            found[place], duration_seconds=told.duration_seconds, season=told.season, episode=told.episode
        )
    return (*found, *(replace(extra, url=absolute(extra.url)) for extra in extras))


def seconds(text: str) -> int:
    """Give the seconds of "1:02:03", "26:53" or "1613"; 0 for what is no duration."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return 0
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


def _extra(rel: EnclosureRel, url: str, kind: str = "") -> Enclosure | None:
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return Enclosure(url=url, type=kind or _TYPES.get(ending, ""), rel=rel) if url else None


def _address(value: object) -> tuple[str, str]:
    return _said(value, "url"), _said(value, "type")


def _said(value: object, key: str) -> str:
    """Give a member that is text; feedparser's own dictionaries answer for keys that they lack."""
    said = dict.get(value, key) if isinstance(value, dict) else None
    return said.strip() if isinstance(said, str) else ""
