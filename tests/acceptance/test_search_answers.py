"""Search as readers and operators meet it: through the daemon and the command; killed, reconfigured, asked oddly."""

import random
import re
import signal
import sqlite3
from typing import Any
from urllib.parse import quote

import pytest
from acceptance_checks import eventually

SOURCES, EACH = 5, 40


def feed(name: str, count: int, text: str) -> str:
    items = "".join(
        f"<item><title>第{n}篇 {name}</title><guid>urn:{name}:{n}</guid><link>https://example.org/{name}/{n}</link>"
        f"<description>{text}：南昌江西新闻 GDP growth，{of_its_own(name, n)}</description>"
        f"<pubDate>Fri, 20 Nov 2026 08:{n:02}:00 +0800</pubDate></item>"
        for n in range(count)
    )
    head = f"<title>{name}</title><link>https://example.org/</link><language>zh-CN</language>"
    return f'<rss version="2.0"><channel>{head}{items}</channel></rss>'


def of_its_own(name: str, number: int) -> str:
    """A text that is like no other: else it would be the same story."""
    return "".join(random.Random(f"{name} {number}").choices([chr(0x5000 + n) for n in range(2_000)], k=200))


def asked(workspace: Any, words: str, page: int = 1) -> str:
    answer = workspace.get(f"/search?q={quote(words, safe='')}&page={page}")
    assert answer.status == 200
    return answer.body.decode()


def titles(page: str) -> list[str]:
    return re.findall(r'<h2><a href="article/[^"]+">([^<]+)</a>', page)


def taken_in(workspace: Any) -> int:
    """How many articles the index holds, as a look into its file says."""
    path = workspace.folder / "aggregator.search.db"
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM texts").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_killed_while_it_takes_articles_in_the_index_catches_up(workspace: Any) -> None:
    names = [f"s{number}" for number in range(SOURCES)]
    for name in names:
        (workspace.folder / f"{name}.xml").write_text(feed(name, EACH, "北京"), encoding="utf-8")
    workspace.configure("".join(f'[sources.{name}]\nurl = "file:{name}.xml"\n' for name in names))
    workspace.run("fetch")
    with workspace.daemon() as daemon:
        eventually(lambda: taken_in(workspace), "something is taken in")
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
    assert 0 < taken_in(workspace) < SOURCES * EACH, "killed too late to show anything"
    with workspace.daemon():
        found = eventually(
            lambda: f"共 {SOURCES * EACH} 篇" in asked(workspace, "北京") and asked(workspace, "北京"), "all"
        )
        pages = [titles(asked(workspace, "北京", page)) for page in range(1, SOURCES * EACH // 20 + 1)]
    assert titles(found) == pages[0]
    assert len({title for page in pages for title in page}) == SOURCES * EACH
    with sqlite3.connect(workspace.folder / "aggregator.search.db") as index:
        for (shard,) in index.execute("SELECT id FROM shards").fetchall():
            index.execute(f"INSERT INTO words_{shard} (words_{shard}) VALUES ('integrity-check')")
    index.close()


CLOSED = 'protected = ["category/members"]\n[server.tokens.me]\nfile = "token"\noutputs = ["*"]\n'


def configure(workspace: Any, *, closed: bool, private: bool) -> None:
    """An open source and one for members, in channels of their own."""
    workspace.configure(
        '[sources.open]\nurl = "file:open.xml"\ncategory = "open"\n'
        f'[sources.members]\nurl = "file:members.xml"\ncategory = "members"\nprivate = {str(private).lower()}\n'
    )
    if closed:
        text = workspace.config.read_text(encoding="utf-8")
        port = f"[server]\nport = {workspace.port}\n"
        workspace.config.write_text(text.replace(port, port + CLOSED), encoding="utf-8")


def test_what_is_closed_later_is_found_by_the_operator_alone(workspace: Any) -> None:
    for name, text in (("open", "公开"), ("members", "机密纪要")):
        (workspace.folder / f"{name}.xml").write_text(feed(name, 5, text), encoding="utf-8")
    (workspace.folder / "token").write_text("s3cret-s3cret-s3cret")
    configure(workspace, closed=False, private=False)
    workspace.run("fetch")
    with workspace.daemon() as daemon:
        eventually(lambda: "共 10 篇" in asked(workspace, "南昌"), "all are found")
        assert len(titles(asked(workspace, "机密"))) == 5
        configure(workspace, closed=True, private=True)
        daemon.send_signal(signal.SIGHUP)
        eventually(lambda: "共 5 篇" in asked(workspace, "南昌"), "what is closed is not found")
        for words in ("机密", "members", "机密纪要 OR 不存在"):
            page = asked(workspace, words)
            assert titles(page) == []
            assert "没有找到" in page
    assert len(workspace.json("search", "机密", "--limit", "20")["hits"]) == 5


def test_whatever_is_asked_gets_a_right_or_a_kind_answer(workspace: Any) -> None:
    (workspace.folder / "a.xml").write_text(feed("a", 3, '开头 😀 C++ "quoted" 100% <b>x</b>'.replace("<", "&lt;")))
    workspace.configure('[sources.a]\nurl = "file:a.xml"\n')
    workspace.run("fetch")
    kind = ("请输入要查找的词语", "请同时写出", "只查找了前")
    odd = (
        '"',
        "*",
        "NEAR(",
        "NEAR(南昌 新闻)",
        "，。！",
        "\x00",
        "-南昌",
        "{title}:",
        "AND",
        "^",
        "' OR 1=1 --",
        "\u202e",
        "﷽",
    )
    with workspace.daemon():
        eventually(lambda: len(titles(asked(workspace, "南昌"))) == 3, "all are found")
        for words in (
            "南",
            "昌",
            "GDP 南昌",
            "gdp",
            "“江西新闻”",
            "南昌 -北京",
            "😀",
            "quoted",
            '"南昌',
            "ＧＤＰ",
            "南昌\x00",
        ):
            assert len(titles(asked(workspace, words))) == 3, words
        for words in ("growt", "南昌 -江西", "京", '"江西 南昌"'):
            page = asked(workspace, words)
            assert (titles(page), "没有找到" in page) == ([], True), words
        for words in odd:
            page = asked(workspace, words)
            assert titles(page) or "没有找到" in page or any(said in page for said in kind), words
            assert "Traceback" not in page
        for words in ("南" * 7_000, "gdp " * 2_500, "x" * 10_000):
            page = asked(workspace, words)
            assert "只查找了前" in page
            assert len(page) < 20_000
        assert "<script" not in asked(workspace, "<script>alert(1)</script>")
        beyond = asked(workspace, "南昌", page=999)
        assert (titles(beyond), "共 3 篇" in beyond, "没有找到" in beyond) == ([], True, False)
    assert "only the first words" in workspace.run("search", "南昌" * 5_000).stderr
    shown = workspace.run("search", "--", '"')
    assert (shown.returncode, "type a word to find" in shown.stderr) == (1, True)
    assert workspace.json("search", "gdp")["count"] == 3


@pytest.mark.parametrize(
    "query", ["", "q=", "q=%ff%fe", "page=x&q=%E5%8D%97", "q=a&q=b", "q=%E5%8D%97%E6%98%8C&page=-1"]
)
def test_every_address_of_the_search_page_is_answered(module_daemon: Any, query: str) -> None:
    answer = module_daemon.get(f"/search?{query}")
    assert answer.status == 200
    assert b"<form" in answer.body


@pytest.fixture(scope="module")
def module_daemon(module_workspace: Any) -> Any:
    (module_workspace.folder / "a.xml").write_text(feed("a", 3, "开头"), encoding="utf-8")
    module_workspace.configure('[sources.a]\nurl = "file:a.xml"\n')
    module_workspace.run("fetch")
    with module_workspace.daemon():
        yield module_workspace
