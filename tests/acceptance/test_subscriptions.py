"""Subscribing and trying out, as an operator does it: real pages and feeds, and a configuration full of comments."""

import os
import pty
import re
import select
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

COMMENTS = """
# --- sources ---      kept as it is, with   odd spaces
[sources.old]   # the first
url = 'http://old.example/feed'
enabled = false
# the last word"""


def rss(title: str, *items: str) -> bytes:
    """A feed with an item per title, a day apart, the newest first."""
    entries = "".join(
        f"<item><title>{item}</title><link>https://news.example.org/{item}</link><guid>{item}</guid>"
        f"<pubDate>{28 - n} Feb 2024 08:00:00 GMT</pubDate><description>The text of {item}.</description></item>"
        for n, item in enumerate(items)
    )
    return (
        f'<rss version="2.0"><channel><title>{title}</title><link>https://news.example.org/</link>'
        f"<description>d</description>{entries}</channel></rss>"
    ).encode()


def page(*links: tuple[str, str]) -> bytes:
    """A page that names feeds by title and address."""
    named = "".join(
        f'<link rel="alternate" type="application/rss+xml" title="{title}" href="{href}">' for title, href in links
    )
    return f"<!doctype html><html><head><title>A page</title>{named}</head><body><p>Hello.</p></body></html>".encode()


@pytest.fixture
def say(origin: Any, answer: Any) -> Callable[..., None]:
    """Let the origin answer a path."""

    def at(path: str, body: bytes, kind: str = "application/rss+xml") -> None:
        origin.answers[path] = answer(body, headers={"Content-Type": kind})

    return at


@pytest.fixture
def web(origin: Any, say: Callable[..., None]) -> Any:
    """A site with a page, its feeds, a page without any, and an article feed in a usual place."""
    say("/", page(("Comments", "/comments.xml"), ("News", "news.xml"), ("Sport", "/sport.xml")), "text/html")
    say("/news.xml", rss("南昌日报新闻", "a", "b"))
    say("/sport.xml", rss("Sport", "s"))
    say("/comments.xml", rss("Comments", "c"))
    say("/bare/", page(), "text/html")
    return origin


def sources(workspace: Any) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(workspace.config.read_text(encoding="utf-8")).get("sources", {})
    return found


# --- add ------------------------------------------------------------------------------------------------


def test_a_feed_is_added_behind_a_configuration_that_stays_byte_by_byte(workspace: Any, web: Any) -> None:
    workspace.configure(COMMENTS)
    workspace.config.chmod(0o600)
    before = workspace.config.read_bytes()
    done = workspace.run("add", f"{web.url}/news.xml", "--category", "科技")
    assert done.returncode == 0, done.stderr
    assert workspace.config.read_bytes().startswith(before)
    assert workspace.config.stat().st_mode & 0o777 == 0o600
    assert sources(workspace)["nanchangribaoxinwen"] == {"url": f"{web.url}/news.xml", "category": "科技"}
    for shown in ("nanchangribaoxinwen", "南昌日报新闻", "RSS 2.0", f"{web.url}/news.xml", "days ago"):
        assert shown in done.stdout
    assert [request.path for request in web.requests] == ["/news.xml"]
    assert not (workspace.folder / "aggregator.db").exists()
    assert workspace.json("fetch")["new"] == 2


def test_of_the_feeds_of_a_page_the_first_that_is_none_of_comments_is_taken_and_it_is_said(
    workspace: Any, web: Any
) -> None:
    workspace.configure("")
    done = workspace.run("add", web.url, "--name", "mine", "--category", "a", "--category", "b")
    assert done.returncode == 0, done.stderr
    assert sources(workspace) == {"mine": {"url": f"{web.url}/news.xml", "categories": ["a", "b"]}}
    assert f"{web.url} names 3 feeds:" in done.stdout
    assert "taking the first" in done.stdout


def test_on_a_terminal_the_operator_chooses_the_feed(workspace: Any, web: Any) -> None:
    workspace.configure("")
    leader, follower = pty.openpty()
    process = workspace.start("add", web.url, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    seen = b""
    while b"which one" not in seen:
        assert select.select([leader], [], [], 20)[0], seen
        seen += os.read(leader, 4096)
    os.write(leader, b"2\n")
    assert process.wait(timeout=30) == 0
    os.close(leader)
    assert [source["url"] for source in sources(workspace).values()] == [f"{web.url}/sport.xml"]


def test_a_page_that_names_no_feed_is_asked_at_the_usual_places_one_after_the_other(
    workspace: Any, web: Any, say: Callable[..., None]
) -> None:
    say("/bare/atom.xml", rss("Found", "f"))
    workspace.configure("")
    found = workspace.json("add", f"{web.url}/bare/")
    assert [added["url"] for added in found["added"]] == [f"{web.url}/bare/atom.xml"]
    paths = [request.path for request in web.requests]
    assert paths[0] == "/bare/"
    assert paths[-1] == "/bare/atom.xml"
    assert len(paths) == len(set(paths)) <= 6


def test_what_gave_nothing_is_said_in_a_sentence_and_the_others_are_added(workspace: Any, web: Any) -> None:
    workspace.configure("")
    wrong = [f"{web.url}/nowhere.xml", f"{web.url}/bare/", "not an address"]
    found = workspace.json("add", f"{web.url}/sport.xml", *wrong, status=1)
    assert [added["source"] for added in found["added"]] == ["sport"]
    missing, bare, senseless = (each["problem"] for each in found["failed"])
    assert "404" in missing
    assert re.search(r"names no feed, and none stands at the \d+ usual places either; give the feed's own", bare)
    assert senseless == "is no web address; write it like https://host/path"
    assert list(sources(workspace)) == ["sport"]


def test_what_is_subscribed_is_not_added_again_and_not_even_asked_for(workspace: Any, web: Any) -> None:
    rules = f'kind = "json"\nurl = "{web.url}/list?b=2&a=1"\nitems = "$[*]"\ntitle = "$.t"'
    workspace.configure(f"[sources.one]\n{rules}\n[sources.two]\n{rules}")
    before = workspace.config.read_bytes()
    done = workspace.run("add", f"{web.url}/list?a=1&utm_source=x&b=2#top")
    assert done.returncode == 0
    assert "is subscribed already, as one and two" in done.stderr
    assert workspace.config.read_bytes() == before
    assert web.requests == []


def test_two_addresses_of_one_feed_become_one_source(workspace: Any, web: Any) -> None:
    workspace.configure("")
    found = workspace.json("add", f"{web.url}/news.xml", web.url)
    assert [added["source"] for added in found["added"]] == ["nanchangribaoxinwen"]
    assert found["already"] == [{"url": web.url, "sources": ["nanchangribaoxinwen"]}]


def test_feeds_of_one_title_get_names_of_their_own(workspace: Any, web: Any, say: Callable[..., None]) -> None:
    say("/two.xml", rss("Sport", "t"))
    workspace.configure("[sources.Sport]\nurl = 'http://other.example/'")
    workspace.json("add", f"{web.url}/sport.xml", f"{web.url}/two.xml")
    assert list(sources(workspace)) == ["Sport", "sport-2", "sport-3"]


def test_a_password_in_an_address_is_kept_in_the_configuration_and_shown_nowhere(workspace: Any, web: Any) -> None:
    workspace.configure("")
    address = web.url.replace("//", "//reader:s3cret@")
    outputs = [workspace.run("add", f"{address}/sport.xml"), workspace.run("add", f"{address}/nothing")]
    outputs += [workspace.run("test", "sport"), workspace.run("export-opml")]
    outputs += [workspace.run("add", f"{address}/sport.xml")]
    assert sources(workspace)["sport"]["url"] == f"{address}/sport.xml"
    for done in outputs:
        assert "s3cret" not in done.stdout + done.stderr
        assert f"{web.url}/" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--name", "x", "http://a.example/", "http://b.example/"), "--name names one source"),
        (("--name", "OLD", "http://a.example/"), "there is a source 'OLD' already"),
        ((), "Missing argument"),
    ],
)
def test_wrong_use_is_said_and_nothing_is_fetched(workspace: Any, arguments: tuple[str, ...], said: str) -> None:
    workspace.configure(COMMENTS)
    done = workspace.run("add", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_configuration_that_names_its_sources_in_one_line_is_left_alone(workspace: Any, web: Any) -> None:
    workspace.config.write_text(
        'sources = { a = { url = "http://a.example/" } }\nfetch = { allow_networks = ["127.0.0.0/8"] }\n'
    )
    before = workspace.config.read_bytes()
    done = workspace.run("add", f"{web.url}/sport.xml")
    assert done.returncode == 2
    assert "[sources.<name>]" in done.stderr
    assert workspace.config.read_bytes() == before


# --- import-opml and export-opml --------------------------------------------------------------------------

LIST = """<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
<outline text="科技"><outline text="Solidot" type="rss" xmlUrl="https://www.solidot.org/index.rss"/>
<outline text="LWN.net" type="rss" xmlUrl="https://lwn.net/headlines/rss"/></outline>
<outline text="English"><outline text="LWN.net" type="rss" xmlUrl="https://lwn.net/headlines/rss"/></outline>
<outline text="Alone" type="rss" xmlUrl="http://alone.example/feed"/>
<outline text="Old" type="rss" xmlUrl="https://old.example/feed/"/>
</body></opml>"""


def test_a_subscription_list_brings_its_feeds_with_titles_and_folders_and_only_once(workspace: Any) -> None:
    workspace.configure(COMMENTS)
    before = workspace.config.read_bytes()
    (workspace.folder / "mine.opml").write_text(LIST, encoding="utf-8")
    done = workspace.run("import-opml", "mine.opml")
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stdout
    assert "1 already there, 0 skipped" in done.stdout
    assert workspace.config.read_bytes().startswith(before)
    assert {name: table for name, table in sources(workspace).items() if name != "old"} == {
        "solidot": {"url": "https://www.solidot.org/index.rss", "title": "Solidot", "category": "科技"},
        "lwn-net": {"url": "https://lwn.net/headlines/rss", "title": "LWN.net", "categories": ["科技", "English"]},
        "alone": {"url": "http://alone.example/feed", "title": "Alone"},
    }
    again = workspace.json("import-opml", "mine.opml")
    assert again["added"] == []
    assert len(again["already"]) == 4


def test_a_list_is_read_from_stdin_and_its_folders_need_not_count(workspace: Any) -> None:
    workspace.configure("")
    process = workspace.start("import-opml", "-", "--no-category-from-folders", stdin=subprocess.PIPE)
    process.communicate(LIST, timeout=60)
    assert process.returncode == 0
    assert [sorted(table) for table in sources(workspace).values()] == [["title", "url"]] * 4


def test_what_is_no_list_is_refused(workspace: Any) -> None:
    workspace.configure("")
    before = workspace.config.read_bytes()
    (workspace.folder / "no.opml").write_bytes(rss("A feed", "a"))
    done = workspace.run("import-opml", "no.opml")
    assert done.returncode == 1
    assert "no.opml is no subscription list" in done.stderr
    assert workspace.config.read_bytes() == before
    assert workspace.run("import-opml", "missing.opml").returncode == 2


def test_five_thousand_subscriptions_take_seconds(workspace: Any) -> None:
    workspace.configure(COMMENTS)
    outlines = "".join(
        f'<outline text="Feed {n % 50}" type="rss" xmlUrl="https://h{n}.example.org/feed"/>' for n in range(5000)
    )
    (workspace.folder / "many.opml").write_text(f'<opml version="2.0"><body>{outlines}</body></opml>')
    done = workspace.run("import-opml", "many.opml", timeout=30)
    assert "5000 added" in done.stdout
    assert len(sources(workspace)) == 5001


def test_what_is_exported_imports_into_an_empty_configuration_as_the_same_sources_and_categories(
    workspace: Any, web: Any
) -> None:
    workspace.configure(
        f"""
[sources.news]
url = "{web.url}/news.xml"
categories = ["科技", "A & B <c>/d"]
[sources.sport]
url = "{web.url}/sport.xml"
category = "科技"
title = "Sport, of course"
[sources.alone]
url = "https://alone.example/feed?a=1&b=2"
enabled = true
[sources.off]
url = "https://off.example/feed"
enabled = false
[sources.list]
kind = "json"
url = "{web.url}/list.json"
items = "$[*]"
title = "$.t"
"""
    )
    workspace.json("fetch", "news")
    done = workspace.run("export-opml")
    assert done.returncode == 0
    assert "off (not enabled), list (kind json)" in done.stderr
    assert workspace.run("export-opml", "out.opml").returncode == 0
    assert (workspace.folder / "out.opml").read_text(encoding="utf-8") == done.stdout
    feeds = [outline.attrib for outline in ET.fromstring(done.stdout).iter("outline") if "xmlUrl" in outline.attrib]
    (news, *_) = (feed for feed in feeds if feed["xmlUrl"] == f"{web.url}/news.xml")
    assert news == {
        "text": "南昌日报新闻",
        "title": "南昌日报新闻",
        "type": "rss",
        "xmlUrl": f"{web.url}/news.xml",
        "htmlUrl": "https://news.example.org/",
    }
    exported = [sources(workspace)[name] for name in ("news", "sport", "alone")]
    workspace.configure("")
    assert workspace.run("import-opml", "out.opml").returncode == 0
    imported = sources(workspace).values()
    assert {each["url"]: categories(each) for each in imported} == {each["url"]: categories(each) for each in exported}


def categories(table: dict[str, Any]) -> set[str]:
    return set(table.get("categories", [table["category"]] if "category" in table else []))


def test_feeds_of_a_live_list_are_exported_and_known_as_subscribed(
    workspace: Any, web: Any, say: Callable[..., None]
) -> None:
    outline = f'<outline text="From the list" type="rss" xmlUrl="{web.url}/sport.xml"/>'
    say("/live.opml", f'<opml version="2.0"><body><outline text="Folder">{outline}</outline></body></opml>'.encode())
    workspace.configure(f'[sources.live]\nkind = "opml"\nurl = "{web.url}/live.opml"')
    workspace.json("fetch")
    tried = workspace.run("test", "live")
    assert (tried.returncode, tried.stderr) == (0, "")
    assert f"names     {web.url}/sport.xml  From the list" in tried.stdout
    listed = ET.fromstring(workspace.run("export-opml").stdout)
    (folder,) = listed.findall("body/outline")
    assert folder.get("text") == "Folder"
    assert [each.get("xmlUrl") for each in folder] == [f"{web.url}/sport.xml"]
    assert len(workspace.json("add", f"{web.url}/sport.xml")["already"]) == 1


# --- test -------------------------------------------------------------------------------------------------


def test_trying_a_source_shows_what_would_be_stored_and_leaves_everything_as_it_was(
    workspace: Any, web: Any, say: Callable[..., None]
) -> None:
    source = f'[sources.news]\nurl = "{web.url}/news.xml"\ncategory = "科技"\n'
    workspace.configure(source)
    workspace.json("fetch")
    say("/news.xml", rss("南昌日报新闻", "a", "b", "c-is-new").replace(b"The text of a.", b"Other words of a."))
    workspace.configure(source + f'[sources.sport]\nurl = "{web.url}/sport.xml"\n')
    dump, files = stored(workspace), workspace.files()
    found = workspace.json("test", "news")
    whats = {item["title"]: item["what"] for item in found["items"]}
    assert whats == {"a": "revised", "b": "unchanged", "c-is-new": "new"}
    new = found["items"][0]
    assert new["title"] == "c-is-new"
    assert new["link"] == "https://news.example.org/c-is-new"
    assert new["summary"] == "The text of c-is-new."
    assert new["categories"] == ["科技"]
    assert new["content_length"] == 0
    assert found["feed"]["title"] == "南昌日报新闻"
    assert workspace.json("test", "sport")["items"][0]["what"] == "new"
    assert stored(workspace) == dump
    assert workspace.files() == files
    assert {each["source"]: each["outcome"] for each in workspace.json("fetch")["sources"]} == {"sport": "ok"}


def stored(workspace: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that stands in the store, table by table."""
    tables = [row["name"] for row in workspace.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [tuple(row) for row in workspace.rows(f'SELECT * FROM "{name}"')] for name in tables}


def test_a_source_can_be_tried_before_there_is_a_store_and_while_it_is_switched_off(workspace: Any, web: Any) -> None:
    workspace.configure(f'[sources.sport]\nurl = "{web.url}/sport.xml"\nenabled = false')
    assert [item["title"] for item in workspace.json("test", "sport")["items"]] == ["s"]
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["aggregator.toml"]


def test_the_table_of_what_would_be_stored_fits_a_narrow_terminal(
    workspace: Any, web: Any, say: Callable[..., None]
) -> None:
    say("/long.xml", rss("Long", "word-" * 60))
    workspace.configure(f'[sources.long]\nurl = "{web.url}/long.xml"\ncategory = "A category of many words"')
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    process = workspace.start("test", "long", stdout=follower, env=environment)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 4096):
            shown += chunk
    except OSError:
        pass  # how Linux says that the other end of a terminal is closed
    os.close(leader)
    process.communicate(timeout=30)
    lines = shown.decode().replace("\r", "").split("\n")
    assert process.returncode == 0
    assert max(map(len, lines)) <= 80
    assert re.search(r"new +2024-02-28 16:00 +word-.*… +[a-z0-9]{20} +A cat.*…\n", "\n".join(lines)), lines


def test_a_source_that_cannot_be_read_says_why_and_what_its_page_names(workspace: Any, web: Any) -> None:
    workspace.configure(f'[sources.page]\nurl = "{web.url}/"\n[sources.gone]\nurl = "{web.url}/gone.xml"')
    found = workspace.json("test", "page", status=1)
    assert found["feed"] is None
    assert [link["url"] for link in found["links"]] == [f"{web.url}/{n}.xml" for n in ("news", "sport", "comments")]
    done = workspace.run("test", "gone")
    assert done.returncode == 1
    assert "404" in done.stderr
    assert workspace.run("test", "nobody").returncode == 2


def test_every_command_is_listed_in_the_help(workspace: Any) -> None:
    shown = workspace.run("--help").stdout
    for command in ("add", "import-opml", "export-opml", "test"):
        assert re.search(rf"^  {command} ", shown, re.MULTILINE)
