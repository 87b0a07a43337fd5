"""The configuration: every problem at once, and what would be right."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import config, wiring
from aggregator.config import Checks, JsonSource, Settings, duration, size, spoken
from aggregator.errors import ConfigError
from aggregator.parse.paths import jsonpath_fault

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "config" / "aggregator.toml"
CHECKS = Checks(jsonpath=jsonpath_fault)
UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "a.toml", CHECKS)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def the_problem(text: str) -> str:
    (problem,) = problems(text)
    return problem


def test_every_problem_is_told_at_once_with_its_line_its_place_and_what_would_be_right() -> None:
    text = """[sit]
title = "a"
[site]
titel = "a"
timezone = "Asia/Shangai"
url = "finews.example.org"
[publish]
formats = ["atom", "atm"]
entries = "50"
[fetch]
interval = "15 minutes"
max_bytes = "10 apples"
allow_networks = ["10.0.0.0/8", "localhost"]
[categories.keji]
nam = ["x"]
[sources.a]
kind = "jsn"
url = "https://example.org/"
[sources.b]
url = "example.org"
categry = "x"
[sources.c]
kind = "json"
url = "https://example.org/"
items = "$.a["
title = "titel"
[sources.c.article]
url = "https://example.org/{info_kode}"
contnt = "$.text"
[sources.d]
category = "x"
"""
    found = problems(text)
    begin = {re.match(r"a\.toml:(\d+): ([^:]+): ", problem) for problem in found}
    places = {(int(match[1]), match[2]) for match in begin if match}
    assert places == {
        (1, "sit"),
        (4, "site.titel"),
        (5, "site.timezone"),
        (6, "site.url"),
        (8, "publish.formats[1]"),
        (9, "publish.entries"),
        (11, "fetch.interval"),
        (12, "fetch.max_bytes"),
        (13, "fetch.allow_networks[1]"),
        (15, "categories.keji.nam"),
        (17, "sources.a.kind"),
        (20, "sources.b.url"),
        (21, "sources.b.categry"),
        (25, "sources.c.items"),
        (26, "sources.c.title"),
        (28, "sources.c.article.url"),
        (27, "sources.c.article.content"),
        (29, "sources.c.article.contnt"),
        (30, "sources.d.url"),
    }
    assert len(found) == len(places)
    told = "\n".join(found)
    for hint in ("'site'", "'title'", "'atom'", "'names'", "'json'", "'category'", "'content'"):
        assert f"did you mean {hint}?" in told
    for right in ('"https://news.example.org/"', '"Asia/Shanghai"', '"15m"', '"10MB"', '"127.0.0.0/8"', "{info_code}"):
        assert right in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[site", "a.toml: not TOML: "),
        ("[site]\ntitle = 'a'\ntitle = 'b'", "a.toml: not TOML: "),
        ("site = 3", "a.toml:1: site: must be a table, not 3"),
        ("[sources]\na = 'https://example.org/'", "a.toml:2: sources.a: is no table of a source; write "),
        ("[sources.a]\nkind = 3\nurl = 'https://example.org/'", "a.toml:1: sources.a: "),
        ("[sources.a]\nurl = 'ftp://example.org/'", 'starts with "https://", "http://" or "file:"'),
        ("[sources.a]\nurl = 'file:x'\ncategory = 'a'\ncategories = ['b']", "both category and categories"),
        ("[sources.a]\nurl = 'file:x'\ncategory_from = 'outlets'", "did you mean 'outlet'?"),
        ("[sources.a]\nurl = 'file:x'\nbackfill = -1", "a.toml:3: sources.a.backfill: -1: "),
        ("[sources.a]\nkind = 'json'\nurl = 'file:x'\nitems = '$[*]'", "tells articles apart"),
        ("[sources.a]\nkind = 'json'\nurl = 'file:x'\nitems = 'records'\ntitle = '$.t'", "is no JSONPath; it starts"),
        ('[sources." a"]\nurl = "file:x"', "' a' is no source name"),
        ("[categories]\ntitle_format = '{title}'", "must hold {name} once"),
        ("[categories]\ntitle_format = '{name}{name}'", "must hold {name} once"),
        ("[categories.'Ke Ji']\ntitle = 'x'", "categories.Ke Ji: is no slug, which is made of a-z, 0-9"),
        ("[categories.'../x']\ntitle = 'x'", "is no slug, which is made of"),
        ("[categories]\nkeji = 'x'", "categories.keji: must be a table"),
        ("[site]\nid_authority = 'example.org'", '"news.example.org,2026"'),
        ("[site]\nlanguage = 'zh_CN'", "a.toml:2: site.language: 'zh_CN': "),
        ("[server]\nport = 80800", "a.toml:2: server.port: 80800: "),
        ("[server]\nport = true", "a.toml:2: server.port: True: "),
        ("[fetch]\ncontact = 'a\\nb'", None),
        ('[fetch]\ncontact = "a\\r\\nX: y"', "goes into a header"),
        ("[publish]\nformats = []", "a.toml:2: publish.formats: []: "),
    ],
)
def test_what_cannot_work_is_refused_in_plain_words(text: str, said: str | None) -> None:
    if said is None:
        config.parse(text, "a.toml")
    else:
        problem = the_problem(text)
        assert said in problem
        assert problem.startswith("a.toml:")
        assert "pydantic" not in problem


@pytest.mark.parametrize(
    ("table", "wrong", "right"),
    [
        ("", "sorces", "sources"),
        ("site", "autor", "author"),
        ("store", "pth", "path"),
        ("publish", "format", "formats"),
        ("server", "prot", "port"),
        ("fetch", "intervall", "interval"),
        ("categories.keji", "titel", "title"),
        ("sources.a", "catagory", "category"),
        ("sources.j", "infocode", "info_code"),
        ("sources.j.article", "contents", "content"),
    ],
)
def test_an_unknown_key_is_found_at_every_depth(table: str, wrong: str, right: str) -> None:
    tables = {
        "sources.a": "url = 'file:x'",
        "sources.j": "kind = 'json'\nurl = 'file:x'\nitems = '$[*]'\ntitle = '$.t'",
        "sources.j.article": "url = 'https://example.org/{info_code}'\ncontent = '$.t'",
    }
    text = "\n".join(f"[{name}]\n{keys}" for name, keys in tables.items())
    line = f"{wrong} = {{}}"
    if not table:
        text = f"{line}\n{text}"
    elif table in tables:
        text = text.replace(f"[{table}]", f"[{table}]\n{line}")
    else:
        text = f"[{table}]\n{line}\n{text}"
    problem = the_problem(text)
    assert f"{table}{'.' if table else ''}{wrong}: unknown key; did you mean '{right}'?" in problem
    assert int(problem.split(":")[1]) == text.splitlines().index(line) + 1


def test_a_key_like_no_other_gets_the_list_of_keys() -> None:
    keys = "host, port, protected, rate, status, status_networks, tokens, trusted_proxies, workers"
    assert the_problem("[server]\nqqqq = 1").endswith(f"unknown key; there are {keys}")


def test_the_rules_of_a_json_list_are_no_keys_of_a_feed() -> None:
    assert "sources.a.items: unknown key" in the_problem("[sources.a]\nurl = 'file:x'\nitems = '$[*]'")


@pytest.mark.parametrize("path", ["$.a[", "$..[", "$[?@.a==]", "$.a b"])
def test_a_bad_jsonpath_is_named_with_its_fault(path: str) -> None:
    text = f"[sources.a]\nkind = 'json'\nurl = 'file:x'\nitems = '$[*]'\ntitle = '{path}'"
    assert f"a.toml:5: sources.a.title: '{path}' is no JSONPath (RFC 9535): " in the_problem(text)


def test_a_file_that_cannot_be_read_is_told_with_the_remedy(tmp_path: Path) -> None:
    for name, content, said in (
        ("missing.toml", None, "--config PATH or AGGREGATOR_CONFIG"),
        ("latin.toml", "title = 'é'".encode("latin-1"), "byte 9 is not UTF-8"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=re.escape(str(path))) as caught:
            config.load(path)
        assert said in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf[site]\ntitle = 'a'\n")
    assert config.load(path).site.title == "a"


# --- durations and sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("1h30m", 5400), ("7d", 604_800), ("2w", 1_209_600), ("1.5h", 5400), (" 5M ", 300)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "5", "m", "-5m", "5 minutes", "5m junk", "99999w", "1e3s", 300, True, None])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r'write it like "30s"|longer than ten years'):
        duration(value)


@given(st.integers(0, 3660 * 86_400))
def test_a_spoken_duration_reads_back_rounded_down_to_its_two_largest_units(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    text = spoken(span)
    back = duration(text)
    assert back <= span
    assert spoken(back) == text
    units = re.findall("[dhms]", text)
    assert span - back < timedelta(seconds=UNITS[units[-1]])
    assert len(units) <= 2


@given(st.integers(1, 3000), st.integers(0, 23))
def test_two_units_are_spoken_exactly(days: int, hours: int) -> None:
    for span in (timedelta(days=days, hours=hours), timedelta(hours=hours, minutes=days % 60), timedelta(seconds=days)):
        assert duration(spoken(span)) == span


@pytest.mark.parametrize(
    ("value", "count"),
    [("500KB", 500_000), ("10MB", 10**7), ("1GiB", 2**30), ("1.5 kB", 1500), ("7b", 7), (0, 0), (4096, 4096)],
)
def test_sizes_are_read_as_people_write_them(value: object, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize("value", ["", "10", "MB", "-1MB", "10 apples", -1, True, 1.5, None])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match='write it like "500KB"'):
        size(value)


# --- what is shipped, and what is said of it -----------------------------------------------------------


def shipped() -> Settings:
    return config.load(SHIPPED, CHECKS)


def test_the_shipped_configuration_loads_and_shows_every_kind() -> None:
    settings = shipped()
    assert {source.kind for source in settings.sources.values()} == {"feed", "json"}
    sample = settings.sources["nanchang"]
    assert isinstance(sample, JsonSource)
    assert (sample.info_code, sample.category_from) == ("$.infoCode", "outlet")
    assert (REPOSITORY / sample.url.removeprefix("file:")).is_file()


def test_what_the_shipped_configuration_shows_as_a_comment_works_too() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    _, _, example = text.partition("# [sources.eastmoney]")
    lines = [line.removeprefix("# ") for line in f"# [sources.eastmoney]{example}".splitlines()]
    source = config.parse("\n".join(lines), "example", CHECKS).sources["eastmoney"]
    assert isinstance(source, JsonSource)
    assert source.article is not None
    assert source.interval == timedelta(minutes=5)


def test_nothing_said_is_a_configuration_with_every_default() -> None:
    settings = config.parse("", "a.toml")
    assert settings.fetch.interval == timedelta(hours=1)
    assert settings.publish.formats == ["atom", "rss", "json", "html"]
    assert settings.site.authority() == "localhost,2026"


def test_documents_are_read_in_as_many_processes_as_there_are_cores_or_as_was_said() -> None:
    cores = len(os.sched_getaffinity(0))
    assert wiring.workers_of(config.parse("", "a.toml")) == min(cores, 8)
    assert wiring.workers_of(config.parse("[parse]\nworkers = 3", "a.toml")) == 3
    with pytest.raises(ConfigError, match="workers"):
        config.parse("[parse]\nworkers = -1", "a.toml")


def test_what_deserves_a_second_look_is_a_warning_with_its_place() -> None:
    found = config.warnings(config.parse("[fetch]\ninterval = '10m'\n", "a.toml"))
    assert [line.partition(":")[0] for line in found] == ["site.url", "fetch.interval", "sources", "fetch.contact"]
    quiet = """
[site]
url = "https://news.example.org"
[fetch]
contact = "https://news.example.org/about"
[sources.a]
url = "https://example.org/"
interval = "59m"
[sources.b]
url = "https://example.org/"
interval = "60m"
"""
    (line,) = config.warnings(config.parse(quiet, "a.toml"))
    assert line.startswith("sources.a.interval: 59m is shorter than the hour")


def test_the_json_schema_accepts_the_shipped_configuration_and_refuses_a_typo() -> None:
    import tomllib

    schema = json.loads(config.schema())
    data = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    check_by_hand(schema, schema, data)
    with pytest.raises(AssertionError, match="titel"):
        check_by_hand(schema, schema, {"site": {"titel": "x"}})
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(data)


def check_by_hand(root: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """As much of JSON Schema as tells whether each key may stand where it stands, and has the right type."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "discriminator" in schema:
        tags = schema["discriminator"]["mapping"]
        return check_by_hand(root, {"$ref": tags[value.get("kind", "feed")]}, value)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return check_one_of(root, choices, value)
    types = {"object": dict, "string": str, "integer": int, "boolean": bool, "array": list, "null": type(None)}
    said = schema.get("type", [])
    allowed = tuple(types[name] for name in ([said] if isinstance(said, str) else said))
    assert not allowed or isinstance(value, allowed), (value, schema)
    assert "enum" not in schema or value in schema["enum"]
    assert "pattern" not in schema or re.search(schema["pattern"], value), (value, schema["pattern"])
    for item in value if isinstance(value, list) else ():
        check_by_hand(root, schema.get("items", {}), item)
    if isinstance(value, dict):
        check_keys(root, schema, value)
    return None


def check_one_of(root: dict[str, Any], choices: list[dict[str, Any]], value: Any) -> None:
    faults = []
    for choice in choices:
        try:
            return check_by_hand(root, choice, value)
        except AssertionError as fault:
            faults.append(str(fault))
    raise AssertionError("; ".join(faults))


def check_keys(root: dict[str, Any], schema: dict[str, Any], value: dict[str, Any]) -> None:
    for key in schema.get("required", ()):
        assert key in value, key
    for key, below in value.items():
        known = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
        assert known is not False, f"unknown key {key}"
        if isinstance(known, dict):
            check_by_hand(root, known, below)


def test_contradictions_are_said_beside_the_faults_of_the_same_table() -> None:
    text = """
[fetch]
interval = "0s"
max_bytes = 0
[categories.a]
names = ["科技"]
[categories.b]
names = ["科 技"]
[sources.x]
url = "https://x.example/"
interval = "1y"
schedule = "0 * * * *"
category = "a"
categories = ["b"]
"""
    with pytest.raises(ConfigError) as refused:
        config.parse(text, "a.toml")
    places = [problem.split(": ")[1] for problem in refused.value.problems]
    assert places == [
        "fetch.interval",
        "fetch.max_bytes",
        "categories.b.names",
        "sources.x",
        "sources.x",
        "sources.x.interval",
    ]


# --- [server]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("60/min", (60, timedelta(minutes=1))),
        ("60/m", (60, timedelta(minutes=1))),
        ("5/s", (5, timedelta(seconds=1))),
        ("1000/hour", (1000, timedelta(hours=1))),
        ("100/15m", (100, timedelta(minutes=15))),
    ],
)
def test_a_rate_is_so_many_in_so_much_time(written: str, meant: tuple[int, timedelta]) -> None:
    assert config.parse(f'[server]\nrate = "{written}"', "a.toml").server.rate == meant


@pytest.mark.parametrize("written", ['"60"', '"0/min"', '"-1/min"', '"60/week"', "60", '"many/min"'])
def test_what_is_no_rate_is_told_how_one_is_written(written: str) -> None:
    problem = the_problem(f"[server]\nrate = {written}")
    assert problem.endswith('is not a rate; write it like "60/min", "5/s" or "100/15m"')


@pytest.mark.parametrize("output", ["x", "category/", "category/X", "category/x.atom", "feed.atom", "article/x", ""])
def test_what_is_no_output_is_told_which_there_are(output: str) -> None:
    problem = the_problem(f'[server]\nprotected = ["{output}"]')
    assert problem.startswith("a.toml:2: server.protected[0]: ")
    assert problem.endswith('write "category/<slug>", "feed", "index", "opml", "status" or "*"')


@pytest.mark.parametrize("keys", ["", 'env = "A"\nfile = "b"\n'])
def test_a_token_comes_from_one_place(keys: str) -> None:
    problem = the_problem(f'[server.tokens.alice]\n{keys}outputs = ["*"]')
    assert problem == 'a.toml:1: server.tokens.alice: needs exactly one of env and file, like { env = "READERS_TOKEN" }'


def test_a_token_says_what_it_opens() -> None:
    assert "server.tokens.alice.outputs" in the_problem('[server.tokens.alice]\nenv = "A"')
    assert "server.tokens.alice.outputs" in the_problem('[server.tokens.alice]\nenv = "A"\noutputs = []')


def test_what_nobody_can_read_and_tokens_of_no_use_are_noted() -> None:
    def notes(protected: str, outputs: str) -> list[str]:
        token = f'[server.tokens.alice]\nenv = "A"\noutputs = {outputs}'
        return [
            note
            for note in config.warnings(config.parse(f"[server]\nprotected = {protected}\n{token}", "a.toml"))
            if note.startswith("server")
        ]

    assert notes('["category/a"]', '["category/a"]') == []
    assert notes('["category/a"]', '["*"]') == []
    assert notes('["*"]', '["category/a", "*"]') == []
    assert notes('["feed"]', '["index"]') == [
        "server.protected: no token opens 'feed', so nobody can read it",
        "server.tokens.alice: 'index' is open to anyone, as server.protected does not name it",
    ]
    assert notes("[]", '["*"]') == [
        "server.tokens.alice: '*' is open to anyone, as server.protected does not name it"
    ]


def test_a_token_for_the_status_is_of_use_while_it_is_for_this_machine_alone() -> None:
    text = '[server]\nstatus = "{}"\n[server.tokens.me]\nenv = "X"\noutputs = ["status"]\n[fetch]\ncontact = "me"\n'
    near, public = (config.warnings(config.parse(text.format(who), "a.toml", CHECKS)) for who in ("local", "public"))
    said = "server.tokens.me: 'status' is open to anyone, as server.protected does not name it"
    assert (said in near, said in public) == (False, True)
