"""Reading the dates that feeds give, in all the ways they write them.

One reader for all forms: the time of day is found first and taken out, then the zone, and what is left must be a date
and nothing else. So the forms need not be listed one by one, and what is no date stays none. Every pattern is linear.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import NamedTuple

_MAX_LENGTH = 120
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)

# --- words --------------------------------------------------------------------------------------------------

# Twelve words a language: forms of one month apart by "/". A Slavic month stands in the genitive beside a day.
_MONTH_NAMES = (
    # English, with the short forms that most languages share
    "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug september/sep/sept october/oct "
    "november/nov december/dec",
    # German, Austrian
    "januar/jän/jänner/jaen februar/feber/febr märz/mär/maerz/mrz april mai juni juli august september oktober/okt "
    "november dezember/dez",
    # French
    "janvier/janv février/févr/fév/fevrier mars avril/avr mai juin juillet/juil/juill août/aout septembre octobre "
    "novembre décembre/déc/decembre",
    # Spanish
    "enero/ene febrero marzo abril/abr mayo junio julio agosto/ago septiembre/setiembre/set octubre noviembre "
    "diciembre/dic",
    # Italian
    "gennaio/gen febbraio/febb marzo aprile maggio/mag giugno/giu luglio/lug agosto settembre/sett ottobre/ott "
    "novembre dicembre",
    # Portuguese
    "janeiro fevereiro/fev março/marco abril maio junho julho agosto setembro outubro/out novembro dezembro",
    # Dutch
    "januari februari maart/mrt april mei juni juli augustus september oktober november december",
    # Swedish, Danish, Norwegian
    "januari/januar februari/februar mars/marts april maj/mai juni juli augusti/august september oktober november "
    "december/desember/des",
    # Polish
    "stycznia/styczeń/sty lutego/luty/lut marca/marzec kwietnia/kwiecień/kwi maja czerwca/czerwiec/cze "
    "lipca/lipiec/lip sierpnia/sierpień/sie września/wrzesień/wrz października/październik/paź listopada/lis "
    "grudnia/grudzień/gru",
    # Czech
    "ledna/leden/led února/únor/úno března/březen/bře dubna/duben/dub května/květen/kvě června/červen/čvn "
    "července/červenec/čvc srpna/srpen/srp září/zář října/říjen/říj listopadu/listopad prosince/prosinec/pro",
    # Russian
    "января/январь/янв февраля/февраль/фев/февр марта/март/мар апреля/апрель/апр мая/май июня/июнь/июн июля/июль/июл "
    "августа/август/авг сентября/сентябрь/сен/сент октября/октябрь/окт ноября/ноябрь/ноя/нояб декабря/декабрь/дек",
    # Ukrainian
    "січня/січ лютого/лют березня/бер квітня/кві травня/тра червня/чер липня серпня/сер вересня/вер жовтня/жов "
    "листопада грудня/гру",
    # Turkish
    "ocak/oca şubat/şub mart nisan/nis mayıs/may haziran/haz temmuz/tem ağustos/ağu eylül/eyl ekim/eki kasım/kas "
    "aralık/ara",
    # Romanian
    "ianuarie/ian februarie martie aprilie mai iunie/iun iulie/iul august septembrie octombrie noiembrie decembrie",
    # Hungarian
    "január február/febr március/márc április/ápr május/máj június/jún július/júl augusztus szeptember/szept október "
    "november december",
    # Finnish
    "tammikuuta/tammikuu helmikuuta/helmikuu maaliskuuta/maaliskuu huhtikuuta/huhtikuu toukokuuta/toukokuu "
    "kesäkuuta/kesäkuu heinäkuuta/heinäkuu elokuuta/elokuu syyskuuta/syyskuu lokakuuta/lokakuu marraskuuta/marraskuu "
    "joulukuuta/joulukuu",
    # Greek
    "ιανουαρίου/ιαν φεβρουαρίου/φεβ μαρτίου/μαρ απριλίου/απρ μαΐου/μάι ιουνίου/ιουν ιουλίου/ιουλ αυγούστου/αυγ "
    "σεπτεμβρίου/σεπ οκτωβρίου/οκτ νοεμβρίου/νοε δεκεμβρίου/δεκ",
    # Indonesian
    "januari februari/peb maret april mei juni juli agustus/agt september oktober november/nop desember",
    # Chinese, Japanese
    "一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月",
    "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
)

_DAY_NAMES = (
    "monday/mon tuesday/tue/tues wednesday/wed thursday/thu/thur/thurs friday/fri saturday/sat sunday/sun "
    "montag/mo dienstag/di mittwoch/mi donnerstag/do freitag/fr samstag/sonnabend/sa sonntag/so "
    "lundi/lun mardi/mar mercredi/mer jeudi/jeu vendredi/ven samedi/sam dimanche/dim "
    "lunes martes miércoles/mié jueves/jue viernes/vie sábado/sáb domingo/dom "
    "lunedì martedì mercoledì giovedì/gio venerdì sabato/sab domenica "
    "segunda/seg terça/ter quarta/qua quinta/qui sexta/sex segunda-feira terça-feira quarta-feira quinta-feira "
    "sexta-feira maandag/ma dinsdag woensdag/wo donderdag vrijdag/vr zaterdag/za zondag/zo "
    "måndag/mån tisdag/tis/tirsdag onsdag/ons torsdag/tors/tor fredag/fre lördag/lör/lørdag söndag/sön/søndag "
    "poniedziałek/pon wtorek/wt środa/śr czwartek/czw piątek/pt sobota/sob niedziela/niedz "
    "pondělí/po úterý/út středa/st čtvrtek/čt pátek/pá neděle/ne "
    "понедельник/пн вторник/вт среда/ср четверг/чт пятница/пт суббота/сб воскресенье/вс "
    "pazartesi/pzt salı/sal çarşamba/çar perşembe/per cuma/cum cumartesi/cmt pazar/paz "
    "luni marți/marţi miercuri joi vineri sâmbătă duminică "
    "hétfő kedd szerda csütörtök péntek szombat vasárnap "
    "maanantai/maanantaina tiistai/tiistaina keskiviikko/keskiviikkona torstai/torstaina perjantai/perjantaina "
    "lauantai/lauantaina sunnuntai/sunnuntaina "
    "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή "
    "senin selasa rabu kamis jumat sabtu minggu"
)

# Hours ahead of UTC. Where a name is used twice (IST, BST, AST), the zone with more feeds in it wins.
_ZONE_NAMES = (
    "z=0 ut=0 utc=0 gmt=0 wet=0 bst=1 cet=1 mez=1 west=1 cest=2 mest=2 mesz=2 eet=2 sast=2 eest=3 msk=3 trt=3 msd=4 "
    "gst=4 pkt=5 ist=5.5 npt=5.75 ict=7 wib=7 hkt=8 sgt=8 pht=8 awst=8 北京时间=8 北京時間=8 jst=9 kst=9 日本時間=9 "
    "acst=9.5 aest=10 acdt=10.5 aedt=11 nzst=12 nzdt=13 nst=-3.5 ndt=-2.5 brt=-3 art=-3 adt=-3 ast=-4 edt=-4 cdt=-5 "
    "est=-5 mdt=-6 mst=-7 pdt=-7 pst=-8 akdt=-8 akst=-9 hst=-10"
)
_CHINA = timedelta(hours=8)
_US_CENTRAL = timedelta(hours=-6)

_BEFORE_NOON = frozenset({"am", "a.m.", "a.m", "上午", "午前", "오전", "凌晨", "早上", "清晨", "早晨"})
_AFTER_NOON = frozenset({"pm", "p.m.", "p.m", "下午", "午後", "오후", "晚上", "傍晚", "晚间", "中午"})
_FILLERS = "at um kl o à às alle a las de del di of the den d le el am ten dne uhr roku r г года р р th st nd rd"


@cache
def _months() -> dict[str, int]:
    """Give the number of a month by any of its names; where languages differ (Czech and Croatian listopad) ours win."""
    found: dict[str, int] = {}
    for names in _MONTH_NAMES:
        for number, forms in enumerate(names.split(), start=1):
            for form in forms.split("/"):
                found.setdefault(_folded(form), number)
    return found


@cache
def _fillers() -> frozenset[str]:
    return frozenset(_FILLERS.split())


@cache
def _zones() -> dict[str, timedelta]:
    pairs = (entry.split("=") for entry in _ZONE_NAMES.split())
    return {name: timedelta(hours=float(hours)) for name, hours in pairs}


@cache
def _days() -> frozenset[str]:
    return frozenset(_folded(form) for forms in _DAY_NAMES.split() for form in forms.split("/"))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


# --- finding the parts --------------------------------------------------------------------------------------

_EPOCH = re.compile(r"-?(\d{9,10})(?:\.\d{1,9})?|(\d{12,13})(?:\.\d+)?|(\d{15,16})")
_COMMENT = re.compile(r"\([^()]{0,40}\)|\[[^\[\]]{0,40}\]")
_CJK_DAY = re.compile(r"(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]|[月火水木金土日]曜日?|[월화수목금토일]요일")
_LABEL = re.compile(r"[^\d:：]{2,30}[:：]\s*(?=\d|[^\d:]{1,12},)")
_HALF = r"(?:am|pm|a\.m\.?|p\.m\.?|上午|下午|午前|午後|오전|오후|凌晨|早上|清晨|早晨|晚上|傍晚|晚间|中午)"
_TIME = re.compile(
    rf"(?P<first>{_HALF})?\s*(?<![\d+])(?P<hour>\d{{1,2}})\s*"
    r"(?:[:時时点點h시]\s*(?P<minute>\d{1,2})(?!\d)(?:\s*[:.分분m]\s*(?P<second>\d{1,2})(?!\d)(?:[.,:](?P<part>\d{1,9})\d*)?)?"
    r"\s*[分秒분초s]?|(?P<whole>[時时点點시]))"
    rf"\s*(?P<last>{_HALF}(?![a-z]))?"
)
_HOUR_ONLY = re.compile(rf"(?P<first>)(?<![\d+-])(?P<hour>\d{{1,2}})\s*(?P<last>{_HALF}(?![a-z]))")
_RUN_WITH_TIME = re.compile(r"(\d{8})(\d\d)(\d\d)(\d\d)?")
_BASIC_TIME = re.compile(r"(?<=\d)t(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?:[.,](?P<part>\d{1,9})\d*)?")
_ZONE = re.compile(
    r"\s*(?:(?:gmt|utc|ut|z)?\s*(?P<sign>[+−-])\s*(?P<digits>\d{1,2}:?(?:\d{2})?(?::?\d{2})?)(?!\d)"
    r"|(?P<name>北京时间|北京時間|日本時間|[a-z]{1,5}(?![a-z])))"
)


_HAN_DIGITS = "〇一二三四五六七八九零"
_HAN_NUMBER = "(十?[一二三四五六七八九]|[一二三四五六七八九]?十[一二三四五六七八九]?)"
_HAN_DAY = re.compile(f"([一二][〇零一二三四五六七八九]{{3}})年{_HAN_NUMBER}月{_HAN_NUMBER}[日号號]")
_MINGUO = re.compile(r"(?:中華|中华)?民[國国]\s*(\d{2,3})\s*年")
_MINGUO_BEGINS = 1911
_VIETNAMESE = re.compile(r"(\d{1,2})\s+tháng\s+(\d{1,2}),?\s+(?:năm\s+)?(\d{4})")


class _Clock(NamedTuple):
    """A time of day; 24:00:00 and leap seconds are what is added to the day."""

    hour: int
    minute: int
    second: int
    microsecond: int

    def since_midnight(self) -> timedelta:
        return timedelta(hours=self.hour, minutes=self.minute, seconds=self.second, microseconds=self.microsecond)


_MIDNIGHT = _Clock(0, 0, 0, 0)


def read_date(text: str, zone: tzinfo, now: datetime, *, day_first: bool = True) -> datetime | None:
    """Give the moment in UTC that a text names, or None where it names none (31 February, "yesterday", "").

    A text without a zone is in `zone`; `CST` is China's where `zone` is eight hours ahead, else the American. A date
    without a year is the last such day not after `now`. `day_first` decides 3/4/2021 only. Never raises.
    """
    if len(text) > _MAX_LENGTH:
        return None
    folded = _in_digits(" ".join(_folded(text).split()))
    if not any(character.isdigit() for character in folded):
        return None
    try:
        return _epoch(folded) or _moment(folded, zone, now, day_first)
    except (ValueError, OverflowError):
        return None


def plausible(date: datetime, now: datetime) -> bool:
    """Say whether a date can be true of an article: not before 1990, not more than two days ahead of `now`."""
    return _EARLIEST <= date <= now + _AHEAD


def _epoch(text: str) -> datetime | None:
    match = _EPOCH.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        return datetime.fromtimestamp(float(text), UTC)
    if match[2] and len(match[2]) == 12 and text.startswith(("19", "20")):
        return None  # 202112280808 is a date
    digits, unit = (match[2], 1_000) if match[2] else (match[3], 1_000_000)
    return datetime.fromtimestamp(int(digits) / unit, UTC)


def _moment(text: str, zone: tzinfo, now: datetime, day_first: bool) -> datetime | None:
    text = _CJK_DAY.sub(" ", _LABEL.sub("", _COMMENT.sub(" ", text), count=1)).strip()
    clock, words, offset = _parted(text, zone, now)
    day = _day(words, day_first, now.astimezone(zone))
    if day is None or not _is_clock(clock):
        return None
    local = day + clock.since_midnight()
    return local.replace(tzinfo=zone if offset is None else timezone(offset)).astimezone(UTC)


def _in_digits(text: str) -> str:
    """Write a date in digits that is written out: 二〇二一年十二月二十八日, 民國110年12月28日, 28 tháng 12 năm 2021."""
    text = _HAN_DAY.sub(lambda match: f"{_han_year(match[1])}年{_han(match[2])}月{_han(match[3])}日", text)
    text = _MINGUO.sub(lambda match: f"{int(match[1]) + _MINGUO_BEGINS}年", text)
    return _VIETNAMESE.sub(r"\3-\2-\1", text)


def _han_year(text: str) -> str:
    return "".join(str(_HAN_DIGITS.index(character) % 10) for character in text)


def _han(text: str) -> int:
    """Give the number below 100 that Chinese numerals write."""
    tens, ten, ones = text.rpartition("十")
    return 10 * (_HAN_DIGITS.index(tens) if tens else len(ten)) + (_HAN_DIGITS.index(ones) if ones else 0)


def _parted(text: str, zone: tzinfo, now: datetime) -> tuple[_Clock, str, timedelta | None]:
    """Take a text apart: the time of day, what is left of the text, and the offset from UTC if one is said."""
    if run := _RUN_WITH_TIME.fullmatch(text):
        return _Clock(int(run[2]), int(run[3]), int(run[4] or 0), 0), run[1], None
    match = _BASIC_TIME.search(text) or _TIME.search(text) or _HOUR_ONLY.search(text)
    if match is None:
        return _MIDNIGHT, *_dated_zone(text)
    offset, after = _offset(text[match.end() :], zone, now)
    return _clock(match), f"{text[: match.start()]} {after}", offset


def _is_clock(clock: _Clock) -> bool:
    if clock.hour == 24:
        return clock[1:] == (0, 0, 0)
    return clock.hour < 24 and clock.minute < 60 and clock.second <= 60


def _clock(match: re.Match[str]) -> _Clock:
    given = match.groupdict()
    hour = int(given["hour"])
    half = given.get("first") or given.get("last")
    if half in _BEFORE_NOON and hour == 12:
        hour = 0
    elif half in _AFTER_NOON and hour < 12:
        hour += 12 if half != "中午" or hour < 3 else 0
    part = (given.get("part") or "").ljust(6, "0")[:6]
    return _Clock(hour, int(given.get("minute") or 0), int(given.get("second") or 0), int(part))


def _offset(after: str, zone: tzinfo, now: datetime) -> tuple[timedelta | None, str]:
    """Read the zone behind a time and give what stands behind it; a name that nobody knows says nothing."""
    match = _ZONE.match(after)
    if match is None:
        return None, after
    rest = after[match.end() :]
    if match["sign"]:
        offset = _hours_and_minutes(match["digits"])
        named = re.match(r"\s*[a-z]{2,5}(?![a-z])", rest)
        return -offset if match["sign"] != "+" else offset, rest[named.end() :] if named else rest
    name = match["name"]
    if name == "cst":
        return _CHINA if zone.utcoffset(now.replace(tzinfo=None)) == _CHINA else _US_CENTRAL, rest
    if name in _zones():
        return _zones()[name], rest
    if name in _months() or name in _fillers():
        return None, after
    return (timedelta(0) if len(name) == 1 else None), rest  # RFC 5322 §4.3: military letters say nothing: UTC


def _dated_zone(text: str) -> tuple[str, timedelta | None]:
    """Read the zone of a date without a time, as XML Schema writes it: 2021-12-28Z, 2021-12-28+08:00."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:(z)|([+-])(\d\d:?\d\d))", text)
    if match is None:
        return text, None
    offset = timedelta(0) if match[2] else _hours_and_minutes(match[4])
    return match[1], -offset if match[3] == "-" else offset


def _hours_and_minutes(digits: str) -> timedelta:
    plain = digits.replace(":", "")
    if len(plain) <= 2:
        return timedelta(hours=int(plain))
    hours, minutes = (plain[:1], plain[1:]) if len(plain) == 3 else (plain[:2], plain[2:4])
    return timedelta(hours=int(hours), minutes=int(minutes))


# --- the day ------------------------------------------------------------------------------------------------

_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年년]\s*(\d{1,2})\s*[-/.月월]\s*(\d{1,2})\s*[日号號일.]?t?")
_SHORT_YEAR = re.compile(r"(\d\d)年(\d{1,2})月(\d{1,2})[日号號]?")
_RUN = re.compile(r"(\d{4})(\d\d)(\d\d)t?")
_NO_YEAR = re.compile(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
_NUMBERS = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d\d)\.?")
_MONTH_ONLY = re.compile(r"(\d{4})(?:[-/年](\d{1,2})月?)?")
_EDGES = " ,;-|·、"
_WORD = re.compile(r"\d{1,2}月|\d+|[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HAN_MONTH = re.compile(r"十?[一二三四五六七八九十]月")


def _day(text: str, day_first: bool, today: datetime) -> datetime | None:
    """Read a date that is nothing but a date; a naive midnight, for the zone is not its matter."""
    text = text.strip(_EDGES)
    if match := _YEAR_FIRST.fullmatch(text) or _RUN.fullmatch(text):
        return _midnight(*map(int, match.groups()))
    if match := _SHORT_YEAR.fullmatch(text):
        return _midnight(_full_year(match[1]), int(match[2]), int(match[3]))
    if match := _NO_YEAR.fullmatch(text):
        return _latest(int(match[1]), int(match[2]), today)
    if match := _NUMBERS.fullmatch(text):
        return _from_numbers(int(match[1]), int(match[2]), _full_year(match[3]), day_first)
    if match := _MONTH_ONLY.fullmatch(text):
        return _midnight(int(match[1]), int(match[2] or 1), 1)
    return _from_words(_WORD.findall(text), today)


def _midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day)  # noqa: DTZ001 - local to a zone that is only joined to it later


def _latest(month: int, day: int, today: datetime) -> datetime | None:
    """Give the last such day that is not after today; eight years hold a 29 February."""
    for year in range(today.year, today.year - 9, -1):
        try:
            found = _midnight(year, month, day)
        except ValueError:
            continue
        if found.date() <= today.date():
            return found
    return None


def _from_numbers(first: int, second: int, year: int, day_first: bool) -> datetime:
    if first > 12 or (day_first and second <= 12):
        return _midnight(year, second, first)
    return _midnight(year, first, second)


def _from_words(words: list[str], today: datetime) -> datetime | None:
    """Read `Tue 28 December 2021` in any order and language: one month, a day, perhaps a year, no strange word."""
    months = _months()
    named = [word for word in words if word in months]
    numbers = [word for word in words if word.isdecimal()]
    strange = [word for word in words if word not in months and not word.isdecimal()]
    if len(named) == 2 and named[0] in _days():
        named = named[1:]  # "mar. 28 déc. 2021" is a Tuesday
    if len(named) != 1 or any(word not in _fillers() and word not in _days() for word in strange):
        return None
    month = months[named[0]]
    years = [number for number in numbers if len(number) >= 3]
    days = [number for number in numbers if len(number) < 3]
    if not years and len(days) == 2:
        years, days = days[1:], days[:1]
    if len(years) > 1 or len(days) > 1:
        return None
    if not years:
        return _latest(month, int(days[0]), today) if days else None
    return _midnight(_full_year(years[0]), month, int(days[0]) if days else 1)


def _full_year(text: str) -> int:
    """RFC 5322 §4.3: 00–49 is this century, 50–99 and three digits count from 1900."""
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year
