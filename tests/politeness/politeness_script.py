"""Two hundred sources and how their servers behave: the script of the ledger.

Every feed has a path of its own, `/<name>`, and everything that belongs to it lies below: the hops of its redirects,
its site's page, its articles. So each request tells whose it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import pairwise

from politeness_origin import Answer, Fields, Visit

START = datetime(2031, 5, 1, 8, tzinfo=UTC)  # a Thursday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EDITION = 10 * HOUR  # then a paper brings its next five articles, two hours apart: no reason to come more rarely
USUAL = HOUR + 15 * MINUTE  # the floor with its jitter
SECRET = "c3VwZXItc2VjcmV0"

Behaviour = Callable[[Visit], Answer]
Stamp = Callable[[int], bytes | None]


@dataclass(frozen=True, slots=True)
class Feed:
    """A scripted feed. `floor` is the interval that the operator set, `sources` how many sources have its address.

    `hops` are the paths on other hosts that its redirects lead through; `slow`: from the third poll on, what it does is
    a reason to wait so long; `moves`: its redirects last, so the new address may be taken in the end.
    """

    name: str
    host: str
    behaviour: Behaviour
    floor: timedelta = HOUR
    settings: str = ""
    on_purpose: bool = False
    cron: bool = False
    sources: int = 1
    slow: timedelta = timedelta(0)
    moves: bool = False
    secret: bool = False

    @property
    def url(self) -> str:
        """Its address without scheme and port."""
        return f"{self.host}/{self.name}"


# --- papers ------------------------------------------------------------------------------------------------------


def edition_at(at: datetime, every: timedelta = EDITION) -> int:
    """Count the editions since the start."""
    return (at - START) // every


def paper(visit: Visit, edition: int, *, more: str = "", age: timedelta = timedelta(0), note: str = "") -> Answer:
    """Give an edition: the articles of it and of the one before. They and their pictures lie on the feed's own host."""
    name = visit.target.split("/")[1]
    base = f"http://{visit.host}:{visit.port}/{name}"
    numbers = range(5 * edition - 4, 5 * edition + 6)
    items = "".join(
        _article(name, base, number, START + (number - 5) * EDITION / 5 - age) for number in reversed(numbers)
    )
    head = f"<title>{name}</title><link>{base}/home</link><description>d</description>{more}"
    head += f"<image><url>{base}/logo.png</url><title>t</title><link>{base}/home</link></image>"
    body = f'<?xml version="1.0"?><rss version="2.0" {_SY}><channel>{head}{items}</channel></rss><!-- {note} -->'
    return Answer(
        headers=(("Content-Type", b"application/rss+xml"),),
        body=body.encode(),
        feed=True,
        items=frozenset(f"tag:{name},{number}" for number in numbers),
    )


_SY = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'


def _article(name: str, base: str, number: int, at: datetime) -> str:
    return (
        f'<item><guid isPermaLink="false">tag:{name},{number}</guid><link>{base}/article/{number}</link>'
        f"<title>{name} {number}</title><description>&lt;img src='{base}/picture.png'&gt; text</description>"
        f'<enclosure url="{base}/sound.mp3" length="1" type="audio/mpeg"/>'
        f"<pubDate>{format_datetime(at)}</pubDate></item>"
    )


def page(visit: Visit) -> Answer:
    """Give an HTML page with validators of its own."""
    body = b"<!doctype html><html><head><title>Maintenance</title></head><body><p>Back soon.</p></body></html>"
    return Answer(headers=(("Content-Type", b"text/html"), ("ETag", b'"page"'), ("Last-Modified", b"page")), body=body)


def plus(answer: Answer, *fields: tuple[str, str | bytes]) -> Answer:
    """Give an answer with more headers."""
    added = tuple((name, value if isinstance(value, bytes) else value.encode()) for name, value in fields)
    return replace(answer, headers=answer.headers + added)


def date_header(moment: datetime) -> str:
    """Give a date as headers have it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


# --- servers that know what changed ------------------------------------------------------------------------------


def plain_etag(edition: int) -> bytes:
    """The usual one."""
    return b'"edition-%d"' % edition


def plain_date(edition: int) -> bytes:
    """The usual one."""
    return date_header(START + edition * EDITION).encode()


def no_stamp(edition: int) -> None:
    """None."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers 304 where the request's validators are its own, byte for byte.

    The stamps are made of the edition, or of the hour where `hourly` (then they change although the paper does not).
    `fresh` are validators that a 304 carries instead of its own; `more` stands in the feed; `fields` in each head;
    `means` is what a polite client takes from these.
    """

    etag: Stamp = plain_etag
    modified: Stamp = plain_date
    hourly: bool = False
    fresh: Callable[[Visit], Fields] | None = None
    matches: Callable[[Visit], bool] | None = None
    more: str = ""
    age: timedelta = timedelta(0)
    fields: Callable[[Visit], tuple[tuple[str, str], ...]] = lambda visit: ()
    means: Answer = field(default_factory=Answer)
    every: timedelta = EDITION

    def __call__(self, visit: Visit) -> Answer:
        edition = edition_at(visit.at, self.every)
        stamp = edition_at(visit.at, HOUR) if self.hourly else edition
        named = (("ETag", self.etag(stamp)), ("Last-Modified", self.modified(stamp)))
        own = tuple((name, value) for name, value in named if value is not None)
        if self._same(visit, dict(own)):
            answer = Answer(304, self.fresh(visit) if self.fresh else own, sized=False)
        else:
            answer = plus(paper(visit, edition, more=self.more, age=self.age), *own)
        return self._with_meaning(plus(answer, *self.fields(visit)))

    def _same(self, visit: Visit, own: dict[str, bytes]) -> bool:
        if self.matches:
            return self.matches(visit)
        if (sent := visit.header("if-none-match")) is not None:
            return sent == own.get("ETag")
        sent = visit.header("if-modified-since")
        return sent is not None and sent == own.get("Last-Modified")

    def _with_meaning(self, answer: Answer) -> Answer:
        means = self.means
        return replace(
            answer,
            wait=means.wait,
            document_wait=means.document_wait,
            most=means.most,
            skip_hours=means.skip_hours,
            skip_days=means.skip_days,
        )


def heedless(visit: Visit, *, noise: bool = False) -> Answer:
    """Send everything each time with the same ETag: as it was, or with a comment that is another each time."""
    return plus(paper(visit, 0, note=str(visit.count) if noise else ""), ("ETag", '"for-ever"'))


def eternal(visit: Visit) -> Answer:
    """Say "not modified" to every question, whatever there is."""
    if visit.header("if-none-match") is not None:
        return Answer(304, sized=False)
    return plus(paper(visit, edition_at(visit.at)), ("ETag", '"stuck"'))


def always_304(visit: Visit) -> Answer:
    """Say "not modified" to those who did not ask, too."""
    return Answer(304, sized=False)


# --- servers that fail ---------------------------------------------------------------------------------------------


def status(code: int, *fields: tuple[str, str]) -> Answer:
    """Give an answer without a feed."""
    return plus(Answer(code, body=b"sorry"), *fields)


def at_times(usual: Behaviour, other: Behaviour, which: Callable[[Visit], bool]) -> Behaviour:
    """Behave in another way at times."""
    return lambda visit: other(visit) if which(visit) else usual(visit)


def once(number: int, count: int = 1) -> Callable[[Visit], bool]:
    """At one request, or at several in a row."""
    return lambda visit: number <= visit.count < number + count


def after(hours: float) -> Callable[[Visit], bool]:
    """From an hour of the script on."""
    return lambda visit: visit.at >= START + hours * HOUR


def between(first: float, last: float) -> Callable[[Visit], bool]:
    """In some hours of the script."""
    return lambda visit: START + first * HOUR <= visit.at < START + last * HOUR


def refusal(code: int, wait: timedelta, *, as_date: bool = False) -> Behaviour:
    """Refuse, and say when to come back; the date is counted from the server's own clock, which is a year behind."""

    def answer(visit: Visit) -> Answer:
        seconds = str(int(wait.total_seconds()))
        if not as_date:
            return replace(status(code, ("Retry-After", seconds)), retry=wait)
        there = visit.at - 365 * DAY
        fields = (("Date", date_header(there)), ("Retry-After", date_header(there + wait)))
        return replace(status(code, *fields), retry=wait)

    return answer


def says(code: int, *fields: tuple[str, str]) -> Behaviour:
    """Give always the same answer without a feed."""
    return lambda visit: status(code, *fields)


def cut(visit: Visit, *, sized: bool = True) -> Answer:
    """Send the next edition with validators, and break off in the middle."""
    whole = plus(paper(visit, edition_at(visit.at) + 3), ("ETag", '"cut"'), ("Last-Modified", "cut"))
    return replace(whole, cut=len(whole.body) // 2, sized=sized)


def empty(visit: Visit) -> Answer:
    """Send nothing, with validators."""
    return plus(Answer(), ("ETag", '"empty"'), ("Last-Modified", "empty"))


def garbled(visit: Visit) -> Answer:
    """Send what is no gzip as gzip, with validators."""
    fields = (("ETag", '"garbled"'), ("Last-Modified", "garbled"), ("Content-Encoding", "gzip"))
    return plus(Answer(body=b"no gzip at all"), *fields)


def hang_up(visit: Visit) -> Answer:
    """Close the connection."""
    return Answer(0)


# --- servers that send elsewhere -----------------------------------------------------------------------------------


def to(code: int, place: Callable[[Visit], str]) -> Behaviour:
    """Redirect."""
    return lambda visit: status(code, ("Location", place(visit)))


def below(path: str, host: str = "") -> Callable[[Visit], str]:
    """Give the address of another document of the feed, on its own host or another one."""
    return lambda visit: f"http://{host or visit.host}:{visit.port}/{visit.target.split('/')[1]}/{path}"


def routes(first: Behaviour, **others: Behaviour) -> Behaviour:
    """Behave by the path below the feed's own."""

    def answer(visit: Visit) -> Answer:
        path = visit.target.split("/")[2:]
        if not path:
            return first(visit)
        return others[path[0]](visit) if path[0] in others else page(visit)

    return answer


def chain(code: int, hops: int, end: Behaviour, fragment: str = "") -> Behaviour:
    """Redirect so many times."""
    names = [f"hop{number}" for number in range(1, hops)] + ["end"]
    steps = {here: to(code, below(there)) for here, there in pairwise(names)}
    return routes(to(code, below(names[0] + fragment)), **steps, end=end)


# --- the cast ------------------------------------------------------------------------------------------------------

HEALTHY = Server()
HOURS_UNTIL = {"1h": HOUR, "5h": 5 * HOUR, "1d": DAY, "3d": 3 * DAY}


def some_days(sources: int) -> dict[str, Feed]:
    """Give the sources of some days: one of each behaviour, and as many more as are wanted."""
    copies = 2 if sources >= 200 else 1
    cast = [*_validators(copies), *_hints(), *_refusals(), *_failures(), *_redirects(), *_odd_ones()]
    missing = sources - sum(feed.sources for feed in cast)
    cast += [Feed(f"healthy{number}", f"127.0.9.{1 + number % 20}", HEALTHY) for number in range(missing)]
    return {feed.name: feed for feed in cast}


def _numbered(prefix: str, network: int, behaviours: dict[str, Behaviour], copies: int = 1) -> Iterator[Feed]:
    names = [f"{prefix}-{name}-{copy}" for name in behaviours for copy in range(copies)]
    made = [behaviour for behaviour in behaviours.values() for _ in range(copies)]
    for number, (name, behaviour) in enumerate(zip(names, made, strict=True), 1):
        yield Feed(name, f"127.0.{network}.{number}", behaviour)


def _validators(copies: int) -> list[Feed]:
    stamped = {
        "both": HEALTHY,
        "weak": Server(lambda n: b'W/"%d"' % n),
        "gzip": Server(lambda n: b'"%d-gzip"' % n),
        "semicolon": Server(lambda n: b'"%d;gzip"' % n),
        "unquoted": Server(lambda n: b"%x" % (n + 4096)),
        "one-quote": Server(lambda n: b'"%d' % n),
        "utf8": Server(lambda n: f'"版{n}"'.encode()),
        "latin1": Server(lambda n: b'"caf\xe9-%d"' % n),
        "long": Server(lambda n: b'"%s%d"' % (b"x" * 2000, n)),
        "commas": Server(lambda n: b'"a, W/b", "c %d"' % n),
        "star": Server(lambda n: b"*%d" % n),
        "etag-only": Server(modified=no_stamp),
        "date-only": Server(no_stamp),
        "no-date": Server(no_stamp, lambda n: b"edition %d" % n),
        "old-date": Server(no_stamp, lambda n: b"Thu, 01 Jan 1970 00:00:%02d GMT" % max(n, 0)),
        "utf8-date": Server(no_stamp, lambda n: f"第{n}版".encode()),
        "etag-alone": Server(lambda n: b'"%d"' % n, lambda n: b"yesterday", hourly=True),
        "date-alone": Server(lambda n: b'"stays"', lambda n: b"hour %d" % n, hourly=True, matches=lambda visit: False),
        "fresh-etag": Server(fresh=_hourly("ETag"), matches=_every_other),
        "fresh-date": Server(fresh=_hourly("Last-Modified"), matches=_every_other),
        "bare-304": Server(fresh=lambda visit: ()),
        "vanishing": Server(_odd(plain_etag), _odd(plain_date), hourly=True),
        "heedless": heedless,
        "noisy": partial(heedless, noise=True),
        "none": Server(no_stamp, no_stamp),
        "stuck": eternal,
    }
    return list(_numbered("validators", 1, stamped, copies))


def _hourly(name: str) -> Callable[[Visit], Fields]:
    return lambda visit: ((name, b'"hour-%d"' % edition_at(visit.at, HOUR)),)


def _every_other(visit: Visit) -> bool:
    return visit.count % 3 != 0 and visit.header("if-none-match") is not None


def _odd(stamp: Stamp) -> Stamp:
    return lambda number: stamp(number) if number % 5 else None


def _hinting(means: Answer, *fields: tuple[str, str], more: str = "", skew: timedelta | None = None) -> Server:
    def said(visit: Visit) -> tuple[tuple[str, str], ...]:
        there = visit.at + (skew or timedelta(0))
        moments = [(name, float(value[1:]) * HOUR) for name, value in fields if "+" in value]
        dated = [(name, date_header(there + moment)) for name, moment in moments]
        plain = [(name, value) for name, value in fields if "+" not in value]
        return (("Date", date_header(there)), *dated, *plain)

    return Server(fields=said, means=means, more=more)


def _hints() -> list[Feed]:
    nothing = Answer(most=USUAL)
    waits = {hours: Answer(wait=hours * HOUR, most=hours * HOUR + 10 * MINUTE) for hours in (2, 3, 6, 24)}
    asks = {hours: Answer(document_wait=hours * HOUR, most=hours * HOUR + 10 * MINUTE) for hours in (3, 5, 24)}
    day = [f"<hour>{hour}</hour>" for hour in range(24)]
    control = "Cache-Control"
    hinting = {
        "max-age": _hinting(waits[2], (control, "public, max-age=7200")),
        "max-age-6h": _hinting(waits[6], (control, 'max-age="21600"')),
        "max-age-3d": _hinting(waits[24], (control, "max-age=259200")),
        "below-floor": _hinting(nothing, (control, "max-age=60")),
        "shared": _hinting(nothing, (control, "s-maxage=21600")),
        "both-ages": _hinting(waits[2], (control, "s-maxage=60, max-age=7200")),
        "no-cache": _hinting(nothing, (control, "no-cache, max-age=21600")),
        "no-store": _hinting(nothing, (control, "no-store, max-age=21600")),
        "garbage": _hinting(nothing, (control, "max-age=soon, , ;;=")),
        "negative": _hinting(nothing, (control, "max-age=-21600")),
        "huge": _hinting(nothing, (control, "max-age=" + "9" * 15)),
        "expires": _hinting(waits[3], ("Expires", "+3")),
        "wrong-clock": _hinting(waits[3], ("Expires", "+3"), skew=400 * DAY),
        "slow-clock": _hinting(waits[3], ("Expires", "+3"), skew=-400 * DAY),
        "expired": _hinting(nothing, ("Expires", "+-30")),
        "expires-0": _hinting(nothing, ("Expires", "0")),
        "age-first": _hinting(waits[2], ("Expires", "+6"), (control, "max-age=7200")),
        "ttl": _hinting(asks[3], more="<ttl>180</ttl>"),
        "ttl-0": _hinting(nothing, more="<ttl>0</ttl>"),
        "ttl-minus": _hinting(nothing, more="<ttl>-180</ttl>"),
        "ttl-huge": _hinting(nothing, more=f"<ttl>{'9' * 30}</ttl>"),
        "ttl-words": _hinting(nothing, more="<ttl>three hours</ttl>"),
        "daily": _hinting(asks[24], more="<sy:updatePeriod>daily</sy:updatePeriod>"),
        "sometimes": _hinting(asks[24], more=f"{_PERIOD}<sy:updateFrequency>7</sy:updateFrequency>"),
        "hourly": _hinting(nothing, more="<sy:updatePeriod>hourly</sy:updatePeriod>"),
        "never": _hinting(nothing, more="<sy:updatePeriod>never</sy:updatePeriod>"),
        "nights": _hinting(
            Answer(skip_hours=frozenset({0, 1, 2, 3, 4, 5, 22, 23})),
            more=f"<skipHours>{''.join(day[1:6] + day[22:])}<hour>24</hour></skipHours>",
        ),
        "working-day": _hinting(
            Answer(skip_hours=frozenset(range(9, 18))), more=f"<skipHours>{''.join(day[9:18])}</skipHours>"
        ),
        "morning": _hinting(
            Answer(skip_hours=frozenset(range(24)) - {8}), more=f"<skipHours>{''.join(day[:8] + day[9:])}</skipHours>"
        ),
        "all-hours": _hinting(nothing, more=f"<skipHours>{''.join(day)}</skipHours>"),
        "weekend": _hinting(
            Answer(skip_days=frozenset({4, 5})), more="<skipDays><day>Friday</day><day>Saturday</day></skipDays>"
        ),
    }
    silent = Feed("hints-silent", "127.0.2.200", Server(age=60 * DAY, every=1000 * DAY), slow=DAY)
    return [*_numbered("hints", 2, hinting), silent]


_PERIOD = "<sy:updatePeriod>weekly</sy:updatePeriod>"


def _refusals() -> list[Feed]:
    refusing: dict[str, Behaviour] = {}
    for code in (429, 503):
        for words, wait in HOURS_UNTIL.items():
            for as_date in (False, True):
                refuse = refusal(code, wait, as_date=as_date)
                name = f"{code}-{words}-{'date' if as_date else 'seconds'}"
                refusing[name] = at_times(HEALTHY, refuse, lambda visit: visit.count % 9 == 4)
        busy = says(code)
        refusing[f"{code}-bare"] = at_times(HEALTHY, busy, between(10, 40))
        asked = replace(status(code, ("Cache-Control", "max-age=18000")), retry=5 * HOUR)
        refusing[f"{code}-max-age"] = at_times(HEALTHY, lambda visit, asked=asked: asked, once(6))
    refusing["garbage"] = at_times(HEALTHY, says(503, ("Retry-After", "in a while")), between(10, 20))
    refusing["minus"] = at_times(HEALTHY, says(429, ("Retry-After", "-7200")), between(10, 20))
    alone = list(_numbered("refusing", 3, refusing))
    limited = at_times(HEALTHY, refusal(429, 5 * HOUR), between(20, 30))
    crowd = [Feed(f"crowd{number}", "127.0.3.200", limited) for number in range(6)]
    one_only = [Feed(f"neighbour{number}", "127.0.3.201", HEALTHY) for number in range(2)]
    limited_alone = Feed("neighbour-limited", "127.0.3.201", at_times(HEALTHY, refusal(429, 8 * HOUR), after(20)))
    return [*alone, *crowd, *one_only, limited_alone]


def _failures() -> list[Feed]:
    slow = _hinting(Answer(wait=6 * HOUR), ("Cache-Control", "max-age=21600"))
    failing = {
        "500": says(500),
        "500-at-times": at_times(HEALTHY, says(500), lambda visit: visit.count % 5 in (2, 3)),
        "502": at_times(HEALTHY, says(502), between(10, 50)),
        "500-slow": at_times(slow, says(500), once(3, 2)),
        "500-none": at_times(Server(no_stamp, no_stamp), says(500), between(10, 20)),
        "404": routes(at_times(HEALTHY, says(404), after(5)), home=page),
        "404-back": routes(at_times(HEALTHY, says(404), between(5, 20)), home=page),
        "404-ever": says(404),
        "403": at_times(HEALTHY, says(403), between(8, 30)),
        "401": at_times(HEALTHY, says(401), between(8, 30)),
        "410": routes(at_times(HEALTHY, says(410), after(30)), home=page),
        "410-ever": says(410),
        "cut": at_times(HEALTHY, cut, once(3)),
        "cut-unsized": at_times(HEALTHY, partial(cut, sized=False), once(3)),
        "html": at_times(HEALTHY, page, once(3)),
        "html-ever": page,
        "empty": at_times(HEALTHY, empty, once(3)),
        "garbled": at_times(HEALTHY, garbled, once(3)),
        "hang-up": at_times(HEALTHY, hang_up, once(3, 3)),
        "304-unasked": always_304,
    }
    return list(_numbered("failing", 4, failing))


def _redirects() -> list[Feed]:
    elsewhere = "127.0.5.200"
    flip = at_times(to(302, below("one")), to(302, below("two")), lambda visit: visit.count % 4 == 3)
    leaving = at_times(HEALTHY, to(302, below("end")), between(20, 24))
    sending = {
        "301": chain(301, 1, HEALTHY),
        "301-elsewhere": routes(to(301, below("end", elsewhere)), end=HEALTHY),
        "301-page": at_times(HEALTHY, to(301, below("maintenance")), between(10, 30)),
        "302": chain(302, 1, HEALTHY),
        "302-elsewhere": routes(to(302, below("end", elsewhere)), end=HEALTHY),
        "303": chain(303, 1, HEALTHY),
        "307": chain(307, 2, HEALTHY),
        "308": chain(308, 3, HEALTHY),
        "five": chain(302, 5, HEALTHY),
        "six": chain(302, 6, HEALTHY),
        "self": to(302, below("")),
        "loop": routes(to(301, below("there")), there=to(301, lambda visit: f"/{visit.target.split('/')[1]}")),
        "fragment": chain(302, 1, HEALTHY, fragment="#top"),
        "nowhere": to(302, lambda visit: "http://"),
        "no-location": says(302),
        "file": to(302, lambda visit: "file:///etc/hostname"),
        "relative": routes(to(302, lambda visit: f"{visit.target}/end"), end=HEALTHY),
        "flip": routes(flip, one=HEALTHY, two=HEALTHY),
        "leaving": routes(leaving, end=HEALTHY),
        "credentials": routes(to(302, lambda visit: below("end")(visit).replace("//", "//u:p@")), end=HEALTHY),
        "limited": routes(to(302, below("end", elsewhere)), end=at_times(HEALTHY, refusal(429, 5 * HOUR), once(8))),
    }
    return list(_numbered("redirecting", 5, sending))


def _odd_ones() -> list[Feed]:
    cookies = Server(fields=lambda visit: (("Set-Cookie", "sid=1; Path=/"),))
    auth = 'auth = { token_env = "POLITENESS_TOKEN" }'
    away = routes(to(302, below("end", "127.0.6.200")), end=HEALTHY)
    impatient = 'interval = "5m"'
    busy = at_times(HEALTHY, refusal(429, 5 * HOUR), once(40))
    hinted = _hinting(Answer(), ("Cache-Control", "max-age=21600"))
    partly = at_times(HEALTHY, a_part, lambda visit: visit.count % 4 == 2)
    minutes = timedelta(minutes=5)
    return [
        Feed("cookies", "127.0.6.1", cookies),
        Feed("auth", "127.0.6.2", HEALTHY, settings=auth, secret=True),
        Feed("auth-away", "127.0.6.3", away, settings=auth, secret=True),
        Feed("auth-denied", "127.0.6.4", at_times(HEALTHY, says(401), after(30)), settings=auth, secret=True),
        Feed("impatient", "127.0.6.7", busy, floor=minutes, settings=impatient, on_purpose=True),
        Feed("impatient-hinted", "127.0.6.8", hinted, floor=minutes, settings=impatient, on_purpose=True),
        Feed("impatient-failing", "127.0.6.9", says(500), floor=minutes, settings=impatient, on_purpose=True),
        Feed("cron", "127.0.6.10", HEALTHY, settings='schedule = "30 */2 * * *"', cron=True),
        Feed("cron-refused", "127.0.6.11", busy_cron(), settings='schedule = "15 * * * *"', cron=True),
        Feed("partly", "127.0.6.12", partly),
    ]


def a_part(visit: Visit) -> Answer:
    """Send a part, unasked."""
    part = plus(paper(visit, edition_at(visit.at)), ("IM", "feed"), ("ETag", '"part"'))
    return replace(part, status=226)


def busy_cron() -> Behaviour:
    """Refuse at times."""
    return at_times(HEALTHY, refusal(429, 5 * HOUR), lambda visit: visit.count % 9 == 4)


def twins() -> dict[str, Feed]:
    """Give a few feeds that several sources have the address of."""
    behaviours = {
        "healthy": HEALTHY,
        "none": Server(no_stamp, no_stamp),
        "busy": at_times(HEALTHY, refusal(503, 6 * HOUR), once(5)),
        "failing": at_times(HEALTHY, says(500), once(4, 3)),
        "slow": _hinting(Answer(wait=2 * HOUR), ("Cache-Control", "max-age=7200")),
        "sent-on": chain(302, 2, HEALTHY),
    }
    return {feed.name: replace(feed, sources=2) for feed in _numbered("twins", 6, behaviours)}


def some_weeks() -> dict[str, Feed]:
    """Give a few sources whose servers must be watched for weeks; each is asked every six hours."""
    permanent = {
        "301": chain(301, 1, HEALTHY),
        "308": chain(308, 3, HEALTHY),
        "301-elsewhere": routes(to(301, below("end", "127.0.8.200")), end=HEALTHY),
        "301-silent": chain(301, 1, Server(every=1000 * DAY)),
    }
    passing = {
        "302": chain(302, 2, HEALTHY),
        "307": chain(307, 1, HEALTHY),
        "mixed": routes(to(301, below("middle")), middle=to(302, below("end")), end=HEALTHY),
        "page": routes(to(301, below("page")), page=page),
        "page-later": at_times(HEALTHY, routes(to(301, below("page")), page=page), after(48)),
        "six-days": at_times(chain(301, 1, HEALTHY), HEALTHY, after(6 * 24)),
        "wandering": routes(_wandering, one=HEALTHY, two=HEALTHY),
        "stuck": eternal,
        "healthy": HEALTHY,
    }
    lasting = [replace(feed, moves=True) for feed in _numbered("moving", 8, permanent)]
    cast = [*lasting, *_numbered("staying", 7, passing)]
    return {feed.name: replace(feed, floor=6 * HOUR) for feed in cast}


def _wandering(visit: Visit) -> Answer:
    where = "one" if edition_at(visit.at, 5 * DAY) % 2 else "two"
    return to(301, below(where))(visit)
