"""Every page of the daemon in a real browser, with its real headers: on a phone and a desk, by day and by night, with
scripts and without."""

import json
from collections.abc import Iterator
from importlib import resources
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium import Chromium, Seen, chromium
from xss_browser import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

SERIOUS = ("serious", "critical")
LOOKS = [(390, False), (390, True), (1280, False), (1280, True)]
TOKEN = "a-token-for-the-members"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
PICTURE = "http://127.0.0.1:PORT/static/icon.svg"
TEXT = f"""<h2>小标题</h2><p>正文 <a href="https://example.org/">链接</a></p>
<p><img src="{PICTURE}" alt="图"></p>
<table><tr><th>月份</th><th>人次</th></tr><tr><td>八月</td><td>3610</td></tr></table>
<blockquote>引文</blockquote>
<pre>a very long line of code that fits on no telephone and has to be scrolled sideways to be read at all</pre>"""
HOSTILE = {
    "宽表": f"<table><tr>{''.join(f'<td>第{n}列很宽</td>' for n in range(60))}</tr></table>",
    f"{LONG}{LONG}": f"<p>{LONG * 4}</p><p>https://example.org/{'a' * 900}</p><h2>{LONG * 3}</h2><i>{LONG}</i>",
    "大图": f'<p><img src="{PICTURE}" width="9000" height="7000" alt="九千宽"></p>',
    "代码": f"<pre>{'x = 1; ' * 400}</pre><p><code>{'y' * 700}</code></p><ol><li><pre>{'z' * 500}</pre></li></ol>",
    "נייר ערב": f'<div dir="rtl"><p>שלום עולם {"מילה " * 80}</p><pre>{"x " * 400}</pre><ul><li>{LONG}</li></ul></div>',
    "只有标题": "",
    "空": "<p></p><div><br></div>",
}


def feed(title: str, items: dict[str, str], guid: str) -> str:
    number = count()
    each = "".join(
        f"<item><title>{name}</title><guid>urn:{guid}:{n}</guid><link>https://example.org/{guid}/{n}</link>"
        f"<category>城市</category><description><![CDATA[{text}]]></description>"
        f"<pubDate>Fri, 20 Nov 2026 08:{n:02}:00 +0800</pubDate></item>"
        for (name, text), n in zip(items.items(), number, strict=False)
    )
    head = f"<title>{title}</title><link>https://example.org/</link><language>zh-CN</language>"
    return f'<rss version="2.0"><channel>{head}{each}</channel></rss>'


SOURCES = f"""
[server.tokens.alice]
file = "token"
outputs = ["category/members"]
[categories.wanbao]
names = ["晚报"]
entries = 5
[categories.members]
names = ["内部"]
[sources.a]
url = "file:a.xml"
category = "晚报"
[sources.hostile]
url = "file:hostile.xml"
category = "{LONG}"
[sources.members]
url = "file:members.xml"
category = "内部"
[sources.missing-{LONG.lower().replace("ä", "ae")}]
url = "file:missing.xml"
category = "晚报"
"""


@pytest.fixture(scope="module")
def site(module_workspace: Any) -> Iterator[Any]:
    """A daemon at work: with a history of many pages, hostile articles, a closed channel, and a source that fails."""
    workspace = module_workspace
    articles = {f"第{n}篇：南昌 Nanchang": TEXT for n in range(32)}
    for name, items in (("a", articles), ("hostile", HOSTILE), ("members", {"会议纪要": "<p>内部</p>"})):
        text = feed(name, items, name).replace("PORT", str(workspace.port))
        (workspace.folder / f"{name}.xml").write_text(text, encoding="utf-8")
    (workspace.folder / "token").write_text(TOKEN, encoding="utf-8")
    workspace.configure(f'[server]\nport = {workspace.port}\nprotected = ["category/members"]\n{SOURCES}')
    text = workspace.config.read_text(encoding="utf-8")
    workspace.config.write_text(
        text.replace(f"[server]\nport = {workspace.port}\n[fetch]", "[fetch]"), encoding="utf-8"
    )
    workspace.run("fetch")
    with workspace.daemon():
        yield workspace


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


def pages(site: Any) -> list[str]:
    """A page of each kind, and every hostile article."""
    codes = [row["info_code"] for row in site.rows("SELECT info_code FROM entries WHERE source = 'hostile'")]
    ordinary = site.rows("SELECT info_code FROM entries WHERE source = 'a' LIMIT 1")[0]["info_code"]
    hostile = site.rows("SELECT slug FROM entry_channels WHERE source = 'hostile'")[0]["slug"]
    assert len(codes) == len(HOSTILE)
    channel = ["category/wanbao.html", "category/wanbao/archive-1.html", f"category/{hostile}.html"]
    feeds = ["feed.atom", "category/wanbao.rss"]
    articles = [f"article/{code}.html" for code in (ordinary, *codes)]
    search = ["search", "search?q=%E5%8D%97%E6%98%8C", "search?q=nothing-like-it"]
    return ["", *channel, *feeds, *articles, "sources.html", *search, "status", "nowhere.html", "category/members.html"]


def address(site: Any, path: str) -> str:
    return f"http://127.0.0.1:{site.port}/{path}"


def faults(browser: Chromium) -> list[str]:
    """What axe-core holds against the page now shown."""
    script = (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    browser.evaluate(f"{script}; 0")
    ask = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => JSON.stringify(violations))"
    found = json.loads(browser.evaluate(ask))
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


def complaints(seen: Seen) -> list[str]:
    """What the console said, but that the page itself is not there or not for everyone."""
    return [said for said in seen.said if seen.status < 400 or f"status of {seen.status}" not in said]


def elsewhere(seen: Seen, site: Any) -> list[str]:
    return [asked for asked in seen.asked if urlsplit(asked).netloc != f"127.0.0.1:{site.port}"]


def test_every_page_fits_its_screen_has_no_serious_fault_and_asks_nobody_else(site: Any, browser: Chromium) -> None:
    found = []
    for path in pages(site):
        for width, night in LOOKS:
            seen = browser.look(address(site, path), width=width, night=night)
            wide = browser.evaluate("document.documentElement.scrollWidth > innerWidth")
            held = faults(browser) if night == (width == 1280) else []  # a phone by day, a desk by night
            found += [(path, width, night, fault) for fault in held]
            found += [(path, width, night, "is too wide")] * wide
            found += [(path, width, night, said) for said in (*complaints(seen), *elsewhere(seen, site))]
    assert found == []


def test_the_pages_are_what_they_should_be(site: Any, browser: Chromium) -> None:
    statuses = {path: browser.look(address(site, path)).status for path in pages(site)}
    others = {"nowhere.html": 404, "category/members.html": 401}
    assert statuses == {path: others.get(path, 200) for path in statuses}
    large = site.rows("SELECT info_code FROM entries WHERE title = '大图'")[0]["info_code"]
    browser.look(address(site, f"article/{large}.html"), width=390)
    assert (
        browser.evaluate("document.querySelector('.content img[width=\"9000\"]').getBoundingClientRect().width") < 390
    )
    browser.look(address(site, "category/members.html"), login=TOKEN)
    assert "会议纪要" in browser.evaluate("document.body.innerText")


def test_a_page_is_printed_dark_on_light_also_at_night(site: Any, browser: Chromium) -> None:
    ordinary = site.rows("SELECT info_code FROM entries WHERE source = 'a' LIMIT 1")[0]["info_code"]
    for path in ("", f"article/{ordinary}.html"):
        browser.look(address(site, path), night=True)
        assert int(browser.evaluate(INK).removeprefix("rgb(").partition(",")[0]) > 200
        browser.do("Emulation.setEmulatedMedia", media="print", features=NIGHT)
        assert int(browser.evaluate(INK).removeprefix("rgb(").partition(",")[0]) < 50
        assert browser.evaluate("getComputedStyle(document.querySelector('.find')).display") == "none"


INK = "getComputedStyle(document.querySelector('h1')).color"
NIGHT = [{"name": "prefers-color-scheme", "value": "dark"}]


@pytest.mark.parametrize("path", ["feed.atom", "category/wanbao.rss"])
def test_a_feed_in_a_browser_shows_its_titles_and_how_to_subscribe(site: Any, browser: Chromium, path: str) -> None:
    browser.look(address(site, path), width=390)
    page = json.loads(browser.evaluate(FEED_FACTS))
    assert page["titles"] > 0
    assert page["hidden"] == 0
    assert "address bar" in page["how"] or "地址栏" in page["how"]
    assert page["size"] > 30  # of a page that a phone shows at four tenths


FEED_FACTS = """(() => {
  const all = (names) => [...document.querySelectorAll(names)];
  const shown = (one) => one.getClientRects().length > 0;
  const title = all("entry > title, item > title")[0];
  const how = document.querySelector("feed > link[rel=self]") || document.querySelector("channel");
  return JSON.stringify({
    titles: all("entry > title, item > title").filter(shown).length,
    hidden: all("entry > content, entry > id, item > guid, item > description, rights").filter(shown).length,
    how: getComputedStyle(how, "::before").content,
    size: parseFloat(getComputedStyle(title).fontSize),
  });
})()"""


def test_no_page_needs_a_script(site: Any, browser: Chromium) -> None:
    for path in pages(site):
        browser.look(address(site, path))
        said = browser.evaluate("document.documentElement.textContent")
        assert browser.evaluate("document.querySelectorAll('script').length") == 0
        browser.look(address(site, path), scripts=False)
        assert browser.evaluate("document.documentElement.textContent") == said, path


def test_a_site_without_an_article_says_so_on_pages_as_sound(workspace: Any, browser: Chromium) -> None:
    workspace.configure('[sources.later]\nurl = "file:later.xml"\ncategory = "晚报"\n')
    with workspace.daemon():
        for path in ("", "category/wanbao.html", "sources.html", "search?q=x", "status", "feed.atom"):
            for width, night in LOOKS[::3]:
                seen = browser.look(address(workspace, path), width=width, night=night)
                assert [*complaints(seen), *elsewhere(seen, workspace), *faults(browser)] == []
                assert not browser.evaluate("document.documentElement.scrollWidth > innerWidth")
        browser.look(address(workspace, ""))
        assert "还没有文章" in browser.evaluate("document.body.innerText")


def test_what_is_wrong_with_a_page_would_be_found(tmp_path: Any, browser: Chromium) -> None:
    page = '<html><body style="color: #ddd; background: #fff"><p style="width: 3000px">pale</p><img src="nowhere.png">'
    (tmp_path / "page.html").write_text(f"<!doctype html>{page}<script>undefined_name()</script>", encoding="utf-8")
    seen = browser.look(f"file://{tmp_path}/page.html")
    assert {fault.split()[1] for fault in faults(browser)} >= {"image-alt:", "color-contrast:", "html-has-lang:"}
    assert browser.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert any("undefined_name" in said for said in seen.said)
    assert any(asked.endswith("nowhere.png") for asked in seen.asked)
