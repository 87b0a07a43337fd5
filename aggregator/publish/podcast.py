"""What podcast players read beside an enclosure, in RSS and in Atom: length, season, episode, cover, transcript,
chapters. The namespaces are declared where they are used: few feeds are podcasts."""

from typing import Any

from lxml import etree

from aggregator.publish.item import Item
from aggregator.records import Enclosure

_ITUNES = {"itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd"}
_PODCAST = {"podcast": "https://podcastindex.org/namespace/1.0"}
_MEDIA = {"media": "http://search.yahoo.com/mrss/"}
_RECORDINGS = ("audio/", "video/")


def extend(entry: Any, item: Item) -> None:
    """Say what goes with an entry's recording; a picture without one is a thumbnail."""
    recording = next((one for one in item.enclosures if one.type.startswith(_RECORDINGS)), None)
    if recording is not None:
        _say_numbers(entry, recording)
    for extra in item.extras:
        if extra.rel != "image":
            _add(entry, _PODCAST, extra.rel, {"url": extra.url, "type": extra.type})
        elif recording is not None:
            _add(entry, _ITUNES, "image", {"href": extra.url})
        else:
            _add(entry, _MEDIA, "thumbnail", {"url": extra.url})


def _say_numbers(entry: Any, recording: Enclosure) -> None:
    said = {"duration": recording.duration_seconds, "season": recording.season, "episode": recording.episode}
    for name, number in said.items():
        if number:
            _add(entry, _ITUNES, name, {}).text = str(number)


def _add(entry: Any, namespace: dict[str, str], name: str, attributes: dict[str, str]) -> Any:
    (address,) = namespace.values()
    return etree.SubElement(entry, f"{{{address}}}{name}", attributes, nsmap=namespace)
