"""What published files and stored articles are held against; each check gives the faults it finds, in words."""

import gzip
import importlib.util
import json
import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import brotli
from lxml import etree

T = TypeVar("T")

_ATOM = "{http://www.w3.org/2005/Atom}"
_SCRIPT = re.compile(rb"<script\b|<[^<>]*\son[a-z]+\s*=|\shref\s*=\s*[\"']?\s*(?:javascript|data):", re.I)


def eventually(ready: Callable[[], T], what: str, seconds: float = 60) -> T:
    """Ask again and again until the answer is a true one; give it. Raises: AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        if answer := ready():
            return answer
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class Formats:
    """The grammars that are kept beside the repository. Without jsonschema a JSON Feed is only read as JSON."""

    def __init__(self, standards: Path) -> None:
        self._atom = etree.RelaxNG(etree.parse(standards / "atom.rng"))
        self._json = _module(standards / "jsonfeed_check.py") if importlib.util.find_spec("jsonschema") else None

    def faults(self, files: Mapping[str, bytes]) -> list[str]:
        """Find what is wrong with published files, by their paths."""
        found = [f"{path}: {fault}" for path, body in files.items() for fault in self._faults(path, body)]
        found += [f"{path}: lacks {path}{ending}" for path in files for ending in _twins(path) - _beside(path, files)]
        found += [f"{path}: {fault}" for path in files for fault in _packing_faults(path, files)]
        return sorted(found)

    def _faults(self, path: str, body: bytes) -> list[str]:
        suffix = Path(path).suffix
        try:
            match suffix:
                case ".atom" | ".rss" | ".xml" | ".svg":
                    return self._xml_faults(etree.fromstring(body), suffix)
                case ".json":
                    return self._json.check(body) if self._json else [] if json.loads(body) else ["it is empty"]
                case ".html":
                    return _page_faults(body)
                case ".txt":
                    return [] if body.startswith(b"User-agent: *\n") else ["it is no robots.txt"]
                case ".gz" | ".br" | ".css":
                    return []
        except (etree.XMLSyntaxError, ValueError) as error:
            return [f"cannot be read: {error}"]
        return ["nothing of this kind is published"]

    def _xml_faults(self, document: Any, suffix: str) -> list[str]:
        if suffix == ".atom" and not self._atom.validate(document):
            return [str(error) for error in self._atom.error_log]
        return []


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing of its schemas to the interpreter
        spec.loader.exec_module(module)
    return module


def _page_faults(body: bytes) -> list[str]:
    faults = [] if body.rstrip().endswith(b"</html>") else ["the page breaks off"]
    if found := _SCRIPT.search(body):
        faults.append(f"the page holds script: {found[0]!r}")
    return faults


def _twins(path: str) -> set[str]:
    """The endings of the compressed files that are to stand beside a document."""
    if path.endswith((".gz", ".br")):
        return set()
    return {".gz"}


def _beside(path: str, files: Mapping[str, bytes]) -> set[str]:
    return {ending for ending in (".gz", ".br") if path + ending in files}


def _packing_faults(path: str, files: Mapping[str, bytes]) -> list[str]:
    document, ending = os.path.splitext(path)
    if ending not in (".gz", ".br"):
        return []
    try:
        body = gzip.decompress(files[path]) if ending == ".gz" else brotli.decompress(files[path])
    except (OSError, EOFError, brotli.error) as error:
        return [f"cannot be unpacked: {error}"]
    return [] if body == files.get(document) else ["unpacks to something else"]


def walked_atom(files: Mapping[str, bytes], slug: str, site: str = "https://finews.example.org/") -> list[str]:
    """Walk from a channel's current Atom document down its archives (RFC 5005); give the id of each entry met."""
    path, ids = f"category/{slug}.atom", []
    while path:
        feed = etree.fromstring(files[path])
        ids += [str(entry.findtext(f"{_ATOM}id")) for entry in feed.iterfind(f"{_ATOM}entry")]
        before = [link.get("href") for link in feed.iterfind(f"{_ATOM}link") if link.get("rel") == "prev-archive"]
        path = str(before[0]).removeprefix(site) if before else ""
    return ids


def walked_json(files: Mapping[str, bytes], slug: str, site: str = "https://finews.example.org/") -> list[str]:
    """Walk from a channel's current JSON Feed through the pages before it; give the id of each item met."""
    path, ids = f"category/{slug}.json", []
    while path:
        feed = json.loads(files[path])
        ids += [item["id"] for item in feed["items"]]
        path = feed.get("next_url", "").removeprefix(site)
    return ids


def differences(served: Iterable[str], stored: Iterable[str]) -> list[str]:
    """Compare what was served at least once with what is stored, which is to be the same, each once."""
    wanted, counts = set(served), Counter(stored)
    return [
        *(f"{name} is missing" for name in sorted(wanted - set(counts))),
        *(f"{name} is stored {count} times" for name, count in sorted(counts.items()) if count > 1),
        *(f"{name} was never served" for name in sorted(set(counts) - wanted)),
    ]
