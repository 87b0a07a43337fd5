"""Reading dates: the zoo of the corpus, a dozen languages, and what is no date."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalise import plausible, read_date
from aggregator.normalise.dates import _MONTH_NAMES

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CHINA = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EIGHT = "2021-12-28T00:08:58"  # 08:08:58 in China

# Every date of dates/made/date-zoo.rss, in its order, as it reads in China.
ZOO = [
    ("Tue, 28 Dec 2021 08:08:58 +0800", EIGHT),
    ("Tue, 28 Dec 2021 08:08:58 GMT", "2021-12-28T08:08:58"),
    ("Tue, 28 Dec 2021 08:08:58 CST", EIGHT),
    ("Tue, 28 Dec 2021 08:08:58 EST", "2021-12-28T13:08:58"),
    ("Mon, 28 Dec 2021 08:08:58 +0800", EIGHT),
    ("28 Dec 2021 08:08 +0800", "2021-12-28T00:08:00"),
    ("Tue, 28 Dec 21 08:08:58 +0800", EIGHT),
    ("2021-12-28T08:08:58+08:00", EIGHT),
    ("2021-12-28T08:08:58Z", "2021-12-28T08:08:58"),
    ("2021-12-28T08:08:58.123+08:00", "2021-12-28T00:08:58.123"),
    ("2021-12-28T08:08:58", EIGHT),
    ("2021-12-28 08:08:58", EIGHT),
    ("2021-12-28 08:08:58 +0800", EIGHT),
    ("2021/12/28 8:08:58", EIGHT),
    ("2021-12-28", "2021-12-27T16:00:00"),
    ("2021年12月28日 08:08", "2021-12-28T00:08:00"),
    ("2021年12月28日 08时08分58秒", EIGHT),
    ("12月28日 08:08", "2025-12-28T00:08:00"),
    ("周二, 28 十二月 2021 08:08:58 +0800", EIGHT),
    ("2021-12-28 下午 3:08:58", "2021-12-28T07:08:58"),
    ("1640650138", EIGHT),
    ("1640650138000", EIGHT),
    ("Tue, 28 Dec 2021 24:00:00 +0800", "2021-12-28T16:00:00"),
    ("Tue, 31 Feb 2021 08:08:58 +0800", None),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
    ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00"),
    ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59"),
    ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00"),
    ("", None),
    ("  ", None),
    ("yesterday", None),
    ("Tue Dec 28 08:08:58 2021", EIGHT),
    ("Tue, 28 Dec 2021 08:08:58 +8", EIGHT),
    ("Tue, 28 Dec 2021 08:08:58 GMT+8", EIGHT),
    ("Tue, 28 Dec 2021 08:08:58 UTC+0800", EIGHT),
    (" +0800", None),
    ("2021-12-28T08:08:58+0800", EIGHT),
    ("2021-12-28T08:08+08:00", "2021-12-28T00:08:00"),
    ("20211228T080858Z", "2021-12-28T08:08:58"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
]


@pytest.mark.parametrize(("text", "expected"), ZOO)
def test_every_date_of_the_zoo_is_read(text: str, expected: str | None) -> None:
    found = read_date(text, CHINA, NOW)
    assert found == (moment(expected) if expected else None)
    assert found is None or found.tzinfo is UTC


@pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the corpus is not beside the repository")
def test_the_table_is_the_zoo() -> None:
    sidecars = json.loads((SHARED / "corpus/SIDECARS.json").read_text(encoding="utf-8"))
    assert [text for text, _ in ZOO] == sidecars["dates/made/date-zoo.rss"]["expect"]["pubDate"]


def test_only_the_plausible_dates_of_the_zoo_count() -> None:
    said = {text for text, expected in ZOO if expected and not plausible(moment(expected), NOW)}
    assert said == {"0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2999-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (datetime(1990, 1, 1, tzinfo=UTC), True),
        (datetime(1989, 12, 31, 23, 59, 59, tzinfo=UTC), False),
        (NOW + timedelta(days=2), True),
        (NOW + timedelta(days=2, seconds=1), False),
    ],
)
def test_a_date_is_plausible_from_1990_to_two_days_ahead(date: datetime, expected: bool) -> None:
    assert plausible(date, NOW) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Di, 28 Dez 2021 08:08:58 +0800",
        "Dienstag, 28. Dezember 2021 08:08:58 +0800",
        "mar., 28 déc. 2021 08:08:58 +0800",
        "mar. 28 déc. 2021 08:08:58 +0800",
        "mardi 28 décembre 2021 à 08:08:58 +0800",
        "mar, 28 dic 2021 08:08:58 +0800",
        "martes, 28 de diciembre de 2021 08:08:58 +0800",
        "martedì 28 dicembre 2021 08:08:58 +0800",
        "ter, 28 dez 2021 08:08:58 +0800",
        "terça-feira, 28 de dezembro de 2021 08:08:58 +0800",
        "di, 28 dec 2021 08:08:58 +0800",
        "dinsdag 28 december 2021 08:08:58 +0800",
        "tis, 28 dec 2021 08:08:58 +0800",
        "tirsdag 28. desember 2021 08:08:58 +0800",
        "wtorek, 28 grudnia 2021 08:08:58 +0800",
        "út, 28 pro 2021 08:08:58 +0800",
        "вт, 28 дек 2021 08:08:58 +0800",
        "вторник, 28 декабря 2021 г. 08:08:58 +0800",
        "28 грудня 2021 08:08:58 +0800",
        "Sal, 28 Ara 2021 08:08:58 +0800",
        "28 Aralık 2021 Salı 08:08:58 +0800",
        "星期二, 28 12月 2021 08:08:58 +0800",
        "2021年12月28日（火）08時08分58秒",
        "2021년 12월 28일 08:08:58",
        "２０２１－１２－２８ ０８：０８：５８",
        "Dec 28, 2021 8:08:58 AM +0800",
        "December 28th, 2021 at 8:08:58am +0800",
        "28-Dec-2021 08:08:58 +0800",
        "Tue Dec 28 08:08:58 +0800 2021",
        "Tue Dec 28 08:08:58 CST 2021",
        "Mon, 27 Dec 2021 19:08:58 EST",
        "Mon, 27 Dec 2021 17:08:58 MST",
        "Tue, 28 Dec 2021 01:08:58 CET",
        "Tue, 28 Dec 2021 09:08:58 JST",
        "Tue, 28 Dec 2021 00:08:58 Z",
        "Tue, 28 Dec 2021 00:08:58 UT",
        "Tue, 28 Dec 2021 00:08:58 -0000",
        "Tue, 28 Dec 2021 08:08:58 +0800 (CST)",
        "2021-12-28T08:08:58+08:00[Asia/Shanghai]",
        "2021-12-28 08:08:58 北京时间",
        "2021.12.28 08:08:58",
        "28.12.2021 08:08:58",
        "28/12/2021 08:08:58",
        "12/28/2021 08:08:58",
        "20211228080858",
        "2021-12-28T08:08:58.000000000+08",
        "2021-12-27T19:08:58-05:00",
        "发布时间：2021-12-28 08:08:58",
        "1640650138.0",
        "1640650138000000",
        "21年12月28日 08:08:58",
        "二〇二一年十二月二十八日 08:08:58",
        "二零二一年十二月二十八日 上午8时8分58秒",
        "民國110年12月28日 08:08:58",
        "中华民国110年12月28日 08:08:58",
        "28 tháng 12, 2021 08:08:58",
        "28 tháng 12 năm 2021 08:08:58",
        "2021. december 28., kedd 8:08:58",
        "marți, 28 decembrie 2021, 08:08:58",
        "tiistaina 28 joulukuuta 2021 08:08:58",
        "Τρίτη 28 Δεκεμβρίου 2021 08:08:58",
        "Selasa, 28 Desember 2021 08:08:58",
    ],
)
def test_one_moment_is_read_however_it_is_written(text: str) -> None:
    assert read_date(text, CHINA, NOW) == moment(EIGHT)


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-29",
        "30/02/2021",
        "2021-13-01T00:00:00Z",
        "2021-12-28 25:00",
        "2021-12-28T24:00:01Z",
        "2021-12-28T08:60:00Z",
        "08:08",
        "tomorrow 8:00",
        "28",
        "Published in the year 2021 of our era",
        "28 Foo 2021",
        "28 Dec Jan 2021",
        "1 2 3 Dec 2021",
        "99999999999999999999",
        "Tue, 28 Dec 2021 08:08:58 +99999",
        "2021-12-28" + " " * 1000,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text.rstrip() if text.startswith("Tue") else text, CHINA, NOW) is None


def test_cst_is_american_for_a_source_that_is_not_eight_hours_ahead() -> None:
    assert read_date("Tue, 28 Dec 2021 08:08:58 CST", NEW_YORK, NOW) == moment("2021-12-28T14:08:58")
    assert read_date("Tue, 28 Dec 2021 08:08:58 CST", ZoneInfo("Asia/Hong_Kong"), NOW) == moment(EIGHT)


def test_a_text_without_a_zone_follows_the_source_through_summer_and_winter() -> None:
    assert read_date("2021-07-01 12:00", NEW_YORK, NOW) == moment("2021-07-01T16:00")
    assert read_date("2021-12-01 12:00", NEW_YORK, NOW) == moment("2021-12-01T17:00")


def test_an_ambiguous_day_is_read_as_the_caller_says() -> None:
    assert read_date("03/04/2021 00:00 Z", CHINA, NOW) == moment("2021-04-03")
    assert read_date("03/04/2021 00:00 Z", CHINA, NOW, day_first=False) == moment("2021-03-04")
    assert read_date("13/04/2021 00:00 Z", CHINA, NOW, day_first=False) == moment("2021-04-13")


def test_a_day_without_a_year_is_the_last_one_that_was() -> None:
    assert read_date("6月1日 00:00", CHINA, NOW) == moment("2026-05-31T16:00")
    assert read_date("6月2日 00:00", CHINA, NOW) == moment("2025-06-01T16:00")
    assert read_date("2月29日 08:00", CHINA, NOW) == moment("2024-02-29T00:00")
    assert read_date("28 Dec 08:08:58 +0800", CHINA, NOW) == moment("2025-12-28T00:08:58")


def test_two_digit_years_turn_at_fifty() -> None:
    assert read_date("1 Jan 49 00:00 GMT", CHINA, NOW) == moment("2049-01-01")
    assert read_date("1 Jan 50 00:00 GMT", CHINA, NOW) == moment("1950-01-01")
    assert read_date("1 Jan 102 00:00 GMT", CHINA, NOW) == moment("2002-01-01")


@pytest.mark.parametrize(
    ("half", "hour"), [("上午", 8), ("凌晨", 8), ("下午", 20), ("晚上", 20), ("オ", None), ("am", 8), ("p.m.", 20)]
)
def test_halves_of_the_day_are_known(half: str, hour: int | None) -> None:
    found = read_date(f"2021-12-28 {half} 8:30", ZoneInfo("UTC"), NOW)
    assert (found.hour if found else None) == hour


def test_noon_and_midnight_are_told_apart() -> None:
    utc = ZoneInfo("UTC")
    assert read_date("Dec 28, 2021 12:30 AM", utc, NOW) == moment("2021-12-28T00:30")
    assert read_date("Dec 28, 2021 12:30 PM", utc, NOW) == moment("2021-12-28T12:30")
    assert read_date("2021年12月28日 中午12时", utc, NOW) == moment("2021-12-28T12:00")


def test_a_part_of_a_date_means_its_beginning() -> None:
    utc = ZoneInfo("UTC")
    assert read_date("2021", utc, NOW) == moment("2021-01-01")
    assert read_date("2021-12", utc, NOW) == moment("2021-12-01")
    assert read_date("December 2021", utc, NOW) == moment("2021-12-01")
    assert read_date("2021-12-28Z", CHINA, NOW) == moment("2021-12-28")
    assert read_date("2021-12-28+08:00", utc, NOW) == moment("2021-12-27T16:00")


_MOMENTS = st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2049, 12, 31))  # noqa: DTZ001
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(_MOMENTS, _OFFSETS)
def test_what_the_standard_library_writes_is_read_back(naive: datetime, zone: timezone) -> None:
    date = naive.replace(tzinfo=zone)
    assert read_date(date.isoformat(), CHINA, NOW) == date
    assert read_date(date.isoformat(sep=" ", timespec="seconds"), CHINA, NOW) == date.replace(microsecond=0)
    assert read_date(format_datetime(date), CHINA, NOW) == date.replace(microsecond=0)
    assert read_date(f"{date:%a %b %d %H:%M:%S %z %Y}", CHINA, NOW) == date.replace(microsecond=0)
    assert read_date(str(date.astimezone(UTC)), CHINA, NOW) == date


_WORDS = (
    "2021 12 28 1 0 99 - / . : T Z + +08 0800 GMT CST pm 下午 年 月 日 时 分 Dec décembre 十二月 周二 Tue , ( ) at "
    "24:00:00 23:59:60 9999-12-31 0001-01-01 1640650138 yesterday"
)
_PIECES = st.sampled_from(_WORDS.split())


@given(st.one_of(st.text(), st.lists(st.one_of(_PIECES, st.just(" ")), max_size=12).map("".join)), st.booleans())
def test_no_text_makes_the_reader_raise(text: str, day_first: bool) -> None:
    for zone in (CHINA, NEW_YORK, timezone(timedelta(hours=-12))):
        found = read_date(text, zone, NOW, day_first=day_first)
        assert found is None or found.tzinfo is UTC
        assert found is None or re.search(r"\d", text)


@pytest.mark.parametrize("names", _MONTH_NAMES)
def test_every_language_has_twelve_months_in_their_order(names: str) -> None:
    months = names.split()
    assert len(months) == 12
    found = [read_date(f"15 {month.split('/')[0]} 2021", UTC, NOW) for month in months]
    assert found == [datetime(2021, number, 15, tzinfo=UTC) for number in range(1, 13)]


def test_chinese_numerals_count_to_the_end_of_each_month() -> None:
    tens = ("", "十", "二十", "三十")
    for number in range(1, 32):
        ones = "" if number % 10 == 0 else "一二三四五六七八九"[number % 10 - 1]
        text = f"二〇二一年一月{tens[number // 10]}{ones}日"
        assert read_date(text, UTC, NOW) == datetime(2021, 1, number, tzinfo=UTC), text
