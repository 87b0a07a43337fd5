"""The shared corpus in one pull: nothing healthy is lost, nothing sick does harm, and what is published is valid.

How is counted: the new, merged, revised and unchanged articles of a source are what its document holds, wherever
another source brought one of them first (the made documents share ids); entries that are one article inside their own
document count once, and stand in `counted_otherwise` of the expectations, as do the documents that feedparser alone
reads worse.
"""

import csv
import io
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import feedparser
import pytest
from acceptance_checks import Formats, walked_atom, walked_json
from lxml import etree

FOLDERS = ("real", "chinese", "formats", "podcasts", "encodings", "illformed", "hostile")
EXPECTED = json.loads((Path(__file__).resolve().parents[1] / "data/acceptance/corpus.json").read_bytes())
TYPES = {
    ".atom": "application/atom+xml",
    ".bin": "application/octet-stream",
    ".json": "application/json",
    ".rdf": "application/rdf+xml",
    ".rss": "application/rss+xml",
    ".xml": "text/xml",
}
SECRET = "root:x:0:0:what-no-feed-may-read"
LINKED = {"/real.atom"}  # the feed that the page in place of a feed names: it may be looked at
OLDER = re.compile(rb'(rel="next"[^<>]*href=")http[^"]*/')  # the older pages that feeds name are to be ours too
OWN_NAMES = (("NW20211228222769", "NW20211228{:06}"), ("news.example.cn", "news{:03}.example.cn"))


@dataclass
class Pull:
    """One pull of the whole corpus: what was served, what was said, and where it went."""

    sources: dict[str, str]  # name → path in the corpus
    counts: dict[str, int]  # path → entries that the manifest knows of
    sidecars: dict[str, Any]
    status: int
    errors: str
    outcomes: dict[str, Any]  # path → its line in the report
    published: dict[str, Any]
    origin: Any
    workspace: Any

    def titles(self, path: str) -> list[str]:
        """The titles under which the articles of a document are stored."""
        name = next(name for name, served in self.sources.items() if served == path)
        sql = """SELECT title FROM entries JOIN provenance USING (info_code) WHERE provenance.source = ?
                  ORDER BY title"""
        return [row["title"] for row in self.workspace.rows(sql, name)]


@pytest.fixture(scope="module")
def pull(module_origin: Any, module_workspace: Any, answer: Any, shared: Path) -> Pull:
    corpus, origin, workspace = shared / "corpus", module_origin, module_workspace
    counts = manifest(corpus)
    sidecars = json.loads((corpus / "SIDECARS.json").read_bytes())
    sources = {f"s{number:03}": path for number, path in enumerate(sorted(counts))}
    (workspace.folder / "secret").write_text(SECRET)
    for number, path in enumerate(sources.values()):
        headers = sidecars.get(path, {}).get("headers") or {"Content-Type": TYPES.get(Path(path).suffix, "text/plain")}
        origin.answers[f"/{path}"] = answer(document(corpus / path, number, origin, workspace), headers=dict(headers))
    workspace.configure("".join(table(name, f"{origin.url}/{path}") for name, path in sources.items()))
    done = workspace.run("fetch", "--json", timeout=170)
    report = json.loads(done.stdout)
    outcomes = {sources[line["source"]]: line for line in report["sources"]}
    return Pull(
        sources, counts, sidecars, done.returncode, done.stderr, outcomes, report["published"], origin, workspace
    )


def manifest(corpus: Path) -> dict[str, int]:
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["path"]: int(row["entries"] or 0) for row in rows if row["path"].startswith(FOLDERS)}


def document(path: Path, number: int, origin: Any, workspace: Any) -> bytes:
    """A document as it is served: what it would have us read or fetch lies where we see it, and the derived ones, which
    give one code to different texts, have codes and addresses of their own."""
    body = path.read_bytes()
    body = body.replace(b"file:///etc/passwd", f"file://{workspace.folder}/secret".encode())
    body = body.replace(b"http://127.0.0.1:9/", f"{origin.url}/canary/".encode())
    body = OLDER.sub(rb"\g<1>" + f"{origin.url}/older/".encode(), body)
    if path.parent.name == "derived":
        for old, new in OWN_NAMES:
            for encoding in ("ascii", "utf-16-le", "utf-16-be"):
                body = body.replace(old.encode(encoding), new.format(number).encode(encoding))
    return body


def table(name: str, url: str) -> str:
    category = 'category_from = "tags"' if "categories-slugs" in url else f'category = "{url.split("/")[3]}"'
    return f'\n[sources.{name}]\nurl = "{url}"\n{category}\nbackfill = 100000\n'


def test_every_document_is_stored_whole_or_fails_by_itself(pull: Pull) -> None:
    kinds = ("new", "merged", "revised", "unchanged")
    counted = {path: sum(line[kind] for kind in kinds) for path, line in pull.outcomes.items()}
    otherwise = {path: count for path, (count, _) in EXPECTED["counted_otherwise"].items()}
    assert counted == pull.counts | otherwise
    assert not any(line["skipped"] for line in pull.outcomes.values())
    assert {path for path, line in pull.outcomes.items() if line["outcome"] == "failed"} == set(EXPECTED["sick"])
    assert {line["outcome"] for line in pull.outcomes.values()} == {"ok", "failed"}
    stored = pull.workspace.rows("SELECT source, count(*) AS n FROM provenance GROUP BY source")
    assert {pull.sources[row["source"]]: row["n"] for row in stored} == {p: n for p, n in counted.items() if n}
    (total,) = pull.workspace.rows("SELECT count(*) AS n, count(DISTINCT info_code) AS codes FROM entries")
    assert total["n"] == total["codes"] == sum(line["new"] for line in pull.outcomes.values())


def test_the_pass_ends_by_itself_and_says_that_some_failed(pull: Pull) -> None:
    assert (pull.status, pull.errors) == (1, "")
    assert pull.published["problems"] == []


def test_every_sick_document_fails_with_a_sentence_that_says_why(pull: Pull) -> None:
    for path, line in pull.outcomes.items():
        if line["outcome"] != "ok" or line["problems"]:
            print(f"{line['outcome']:7} {path}: {'; '.join(line['problems'])}")
    for path, sentence in EXPECTED["sick"].items():
        (problem,) = pull.outcomes[path]["problems"]
        assert problem.startswith(sentence)
    for problem in (problem for line in pull.outcomes.values() for problem in line["problems"]):
        assert not any(word in problem for word in ("Traceback", "Error:", "Exception", "None", "digest"))
        assert 10 < len(problem) < 300


def test_the_titles_are_stored_as_they_were_written_in_every_encoding(pull: Pull) -> None:
    for path, sidecar in pull.sidecars.items():
        if path in pull.counts and "titles" in (expected := sidecar.get("expect", {})):
            assert pull.titles(path) == sorted(expected["titles"]), path
    cut = "encodings/derived/utf8-truncated-multibyte.xml"
    assert set(pull.sidecars[cut]["expect"]["titles_at_least"]) <= set(pull.titles(cut))


def test_nothing_is_requested_but_the_sources_once_each_and_the_feeds_they_name(pull: Pull) -> None:
    asked = sorted(request.path for request in pull.origin.requests)
    others = {path for path in asked if path in LINKED or path.startswith("/older/")}
    assert [path for path in asked if path not in others] == sorted(f"/{path}" for path in pull.counts)
    assert not any(path.startswith("/canary/") for path in asked)


def test_no_local_file_is_read_for_a_feed(pull: Pull) -> None:
    assert b"/secret" in pull.origin.answers["/hostile/made/xxe-file.xml"].body
    assert b"/canary/" in pull.origin.answers["/hostile/made/xxe-http.xml"].body
    places = [path for path in pull.workspace.folder.rglob("*") if path.is_file() and path.suffix not in (".gz", ".br")]
    texts = {path.name for path in places if SECRET.encode() in path.read_bytes()}
    assert texts == {"secret"}
    first_user = Path("/etc/passwd").read_bytes().split(b"\n")[0] if Path("/etc/passwd").exists() else SECRET.encode()
    assert first_user not in (pull.workspace.folder / "aggregator.db").read_bytes()


def test_every_category_name_becomes_a_safe_channel(pull: Pull) -> None:
    names = pull.sidecars["hostile/made/categories-slugs.xml"]["expect"]["categories"]
    channels = {row["slug"]: row["name"] for row in pull.workspace.rows("SELECT slug, name FROM channels")}
    assert all(slug.replace("-", "").isascii() and slug.replace("-", "").isalnum() for slug in channels)
    assert len({slug.lower() for slug in channels}) == len(channels)
    places = {path for path in pull.workspace.files() if re.fullmatch(r"category/[^/]+\.atom", path)}
    assert places == {f"category/{slug}.atom" for slug in channels}
    folded = pull.workspace.rows("SELECT count(*) AS n FROM channel_names")[0]["n"]
    assert len(FOLDERS) < len(channels) <= folded <= len(FOLDERS) + len(names)


def test_everything_published_is_well_formed_and_valid(pull: Pull, shared: Path) -> None:
    files = {path: body for path, (_, body) in pull.workspace.files().items()}
    assert Formats(shared / "standards").faults(files) == []
    kinds = {Path(path).suffix for path in files}
    assert kinds == {".atom", ".rss", ".json", ".html", ".xml", ".css", ".svg", ".txt", ".gz"}
    pages = {path for path in files if path.startswith("article/") and path.endswith(".html")}
    codes = {row["info_code"] for row in pull.workspace.rows("SELECT info_code FROM entries")}
    assert pages == {f"article/{code}.html" for code in codes}


def test_every_article_stands_once_in_the_documents_of_each_of_its_channels(pull: Pull) -> None:
    stored: dict[str, set[str]] = {}
    for row in pull.workspace.rows("SELECT slug, info_code FROM entry_channels"):
        stored.setdefault(row["slug"], set()).add(f"tag:finews.example.org,2026:{row['info_code']}")
    files = {path: body for path, (_, body) in pull.workspace.files().items()}
    assert sum(path.endswith(".atom") and "/archive-" in path for path in files) > 10
    for slug, ids in stored.items():
        for walked in walked_atom(files, slug), walked_json(files, slug):
            assert Counter(walked) == Counter(ids), slug


def test_other_programs_read_every_document_with_all_its_entries(pull: Pull) -> None:
    for path, (_, body) in pull.workspace.files().items():
        if path.endswith((".atom", ".rss")):
            ids = [one.text for one in etree.fromstring(body).iterfind(".//{*}entry/{*}id")]
            ids = ids or [one.text for one in etree.fromstring(body).iterfind("channel/item/guid")]
            found = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
            assert not found.bozo, (path, found.get("bozo_exception"))
            assert [entry.id for entry in found.entries] == ids, path
            assert all(entry.title for entry in found.entries), path
            assert len(set(ids)) == len(ids), path


def test_everything_is_rendered_to_the_same_bytes_from_scratch_in_another_zone_and_language(pull: Pull) -> None:
    before = {path: body for path, (_, body) in pull.workspace.files().items()}
    shutil.rmtree(pull.workspace.public)
    elsewhere = {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    process = pull.workspace.start("publish", "--all", "--json", env={**os.environ, **elsewhere})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)["problems"]) == (0, []), err
    after = {path: body for path, (_, body) in pull.workspace.files().items()}
    assert sorted(after) == sorted(before)
    assert [path for path in before if after[path] != before[path]] == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("feed.atom", b"</feed>", b""),
        ("feed.atom", b"<updated>", b"<updated>soon "),
        ("category/real.rss", b"<channel>", b"<channel>&nbsp;"),
        ("category/real.json", b'"version"', b'"version":'),
        ("index.html", b"</html>", b""),
        ("index.html", b"<main", b"<script>1</script><main"),
        ("opml.xml", b"<body>", b"<body>\x0c"),
        ("feed.json.gz", b"", b"no gzip"),
    ],
)
def test_a_broken_document_would_be_found(pull: Pull, shared: Path, path: str, old: bytes, new: bytes) -> None:
    document = path.removesuffix(".gz").removesuffix(".br")
    names = {document, f"{document}.gz", f"{document}.br"}
    files = {name: body for name, (_, body) in pull.workspace.files().items() if name in names}
    assert old in files[path]
    files[path] = files[path].replace(old, new, 1)
    formats = Formats(shared / "standards")
    assert any(fault.startswith(f"{path}: ") for fault in formats.faults(files))


PAGE = (
    '<html><head><title>登录</title><link rel="alternate" type="application/atom+xml" href="/dead.atom"></head></html>'
)
FEED = '<rss version="2.0"><channel><title>t</title><item><title>文章</title><link>http://x.org/</link></item></channel></rss>'


def test_a_page_in_place_of_a_feed_is_called_so_and_its_address_is_asked_again(
    workspace: Any, origin: Any, answer: Any
) -> None:
    origin.answers["/feed"] = answer(PAGE.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    workspace.configure(table("news", f"{origin.url}/feed"))
    (line,) = workspace.json("fetch", status=1)["sources"]
    assert "an HTML page (title “登录”), not a feed" in line["problems"][0]

    origin.answers["/feed"] = answer(FEED.encode(), headers={"Content-Type": "application/rss+xml"})
    assert workspace.json("fetch", "--force")["new"] == 1
