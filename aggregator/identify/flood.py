"""The flood guard: what comes all at once, and is not what its source is known for, is not published at first sight.

Everything that is read is stored. What is held is published when a later fetch shows it again, so a wrong suspicion
costs the wait between two fetches; only a source that seems to belong to someone else waits for the operator. Pure.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.records import (
    Arrival,
    Changes,
    FeedFacts,
    Hold,
    Known,
    Past,
    PastArticle,
    Retouch,
    Revision,
    Sighting,
    SourceMemory,
)
from aggregator.urls import host

LEAST = 10  # new entries; fewer are no flood
_TIMES_USUAL = 2  # more than twice what an earlier fetch brought is unusual
_TIMES_PACE = 3  # and so is thrice what a source brings in so much time
_OLD = timedelta(days=1)  # so much before the newest article, an entry is old; some say only the day
_SPREAD = 4  # different dates; articles of fewer have none that tells their order
_GONE_FOR = timedelta(days=30)
_LATELY = 20  # articles that show where a source's links lead
_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


@dataclass(frozen=True, slots=True)
class Scene:
    """What a document is judged by, besides what it changes.

    `entries` counts the articles in it, `facts` is what it says of its source, whose title counts where it is not
    `titled` in the configuration. `waiting` are the codes of those that were held when this source was read last.
    """

    entries: int
    facts: FeedFacts
    memory: SourceMemory
    past: Past
    now: datetime
    waiting: Collection[str] = ()
    titled: bool = False


def is_beginning(memory: SourceMemory, known: Iterable[Known]) -> bool:
    """Tell whether this is the first that a source brings, of which its backfill is taken and nothing is suspicious.

    It also is after documents without a single entry.
    """
    nothing_yet = memory.read_at is not None and memory.newest is None
    return memory.fresh or (nothing_yet and not any(stored.seen_here for stored in known))


def is_remarkable(changes: Changes, entries: int) -> bool:
    """Tell whether a document must be compared with the source's past."""
    arrivals = len(changes.arrivals)
    return arrivals >= LEAST or 0 < arrivals == entries


def guard(changes: Changes, known: Mapping[str, Known], scene: Scene) -> Changes:
    """Take out of the arrivals what is to be held, and say which held articles are confirmed by this document."""
    confirmed = _confirmed(changes, known, scene)
    suspicion = _suspicion(changes, known, scene, len(confirmed))
    if suspicion is None:
        return replace(changes, confirmed=confirmed)
    hold, codes = suspicion
    held = tuple(arrival for arrival in changes.arrivals if arrival.info_code in codes)
    rest = tuple(arrival for arrival in changes.arrivals if arrival.info_code not in codes)
    return replace(changes, arrivals=rest, held=held, hold=hold, confirmed=confirmed)


def why_held(changes: Changes, source: str) -> tuple[str, ...]:
    """Say in plain words why articles are held and what publishes them; nothing where none is."""
    if changes.hold is None or not changes.held:
        return ()
    until = f"you call `release {source}`" if changes.hold.for_review else "the next fetch shows them again"
    return (f"{changes.hold.reason}; {len(changes.held)} held until {until}",)


def _met(changes: Changes) -> list[str]:
    met: tuple[Sighting | Revision | Retouch, ...] = (*changes.sightings, *changes.revisions, *changes.retouches)
    return [item.info_code for item in met]


# --- what is confirmed ---------------------------------------------------------------------------


def _confirmed(changes: Changes, known: Mapping[str, Known], scene: Scene) -> tuple[str, ...]:
    """Give the held articles that their source shows again, and those that newer ones pushed out of its list."""
    met = [code for code in _met(changes) if code in known and _is_shown_again(known[code])]
    left = sorted(set(scene.waiting) - set(met))
    return (*met, *left) if _are_pushed_out(left, met, changes, scene) else tuple(met)


def _is_shown_again(stored: Known) -> bool:
    """It takes two documents of one source; those of a source with the same address are one document."""
    return stored.held and not stored.for_review and stored.seen_here


def _are_pushed_out(left: Sequence[str], met: Sequence[str], changes: Changes, scene: Scene) -> bool:
    """Tell a list that turns over at each fetch from one that took back what it had shown by mistake.

    It went on when news took the place of what is missing, or when nothing of what it ever showed is there any more.
    """
    old = _old(changes.arrivals, scene.past)
    news = len(changes.arrivals) - len(old)
    went_on = not met and news == scene.entries
    return bool(left) and news > 0 and (went_on or 2 * news >= len(left))


# --- what is suspicious --------------------------------------------------------------------------


def _suspicion(
    changes: Changes, known: Mapping[str, Known], scene: Scene, confirmed: int
) -> tuple[Hold, set[str]] | None:
    """Give why arrivals are held, and which; under review there may be none at the moment."""
    if (review := _review(changes, known, scene)) is not None:
        return review, {arrival.info_code for arrival in changes.arrivals}
    odd = {arrival.info_code for arrival in changes.arrivals} - _dated_news(changes.arrivals, scene.past)
    if _is_flood(len(odd), scene, confirmed):
        return Hold(f"{len(odd)} of its {scene.entries} entries are new at once, which is not usual"), odd
    old = _old(changes.arrivals, scene.past)
    if len(old) >= LEAST and len(old) > _TIMES_USUAL * _most_old(scene.past):
        return Hold(f"{len(old)} entries that are older than its newest article came at once"), old
    return None


def _review(changes: Changes, known: Mapping[str, Known], scene: Scene) -> Hold | None:
    """A source that seems to be someone else's waits for the operator, unless it shows its former articles again."""
    met = _met(changes)
    if scene.memory.review is not None:
        former = [code for code in met if code in known and not known[code].held]
        return None if former and 2 * len(former) >= scene.entries else scene.memory.review
    held = sum(known[code].held for code in met if code in known)
    if len(changes.arrivals) + held < scene.entries or not changes.arrivals or not scene.past.articles:
        return None
    since = scene.memory.failing_since
    if since is not None and scene.now - since >= _GONE_FOR:
        return Hold(f"it was gone for {(scene.now - since).days} days, and nothing that it brings is known", True)
    if _has_another_name(scene) and _leads_elsewhere(changes.arrivals, scene.past):
        return Hold("its name, the site that its links lead to and all of its entries changed at once", True)
    return None


def _has_another_name(scene: Scene) -> bool:
    """By its title; where the configuration gives that, by the site that the feed says it belongs to."""
    memory, facts = scene.memory, scene.facts
    if not scene.titled:
        return bool(memory.title and facts.title) and memory.title != facts.title
    before, after = _domain(memory.home), _domain(facts.link)
    return bool(before and after) and before != after


def _leads_elsewhere(arrivals: Sequence[Arrival], past: Past) -> bool:
    """Tell whether most links led to one site, and none leads where any did. Those of a link blog never led to one."""
    before = Counter(_domain(article.link) for article in past.articles[:_LATELY])
    site, links = before.most_common(1)[0]
    now = {_domain(arrival.entry.link) for arrival in arrivals} - {""}
    return bool(site and now) and 2 * links >= before.total() and now.isdisjoint(before)


def _domain(url: str) -> str:
    """Give the part of a host that one buys: "example.org", "example.com.cn"."""
    labels = host(url).split(".")
    second = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3:] if second else labels[-2:])


def _is_flood(odd: int, scene: Scene, confirmed: int) -> bool:
    """Tell whether so many new entries are most of a document, more than the source brings, and more than the time
    explains that passed. What was confirmed just now shows what it brings, too."""
    expected = max(_TIMES_USUAL * max(_most(scene.past), confirmed), _TIMES_PACE * _due(scene))
    return odd >= LEAST and 2 * odd > scene.entries and odd > expected


def _dated_news(arrivals: Sequence[Arrival], past: Past) -> set[str]:
    """Give the arrivals that came out after all that is known: few of them, or at different times, as they do after a
    downtime."""
    newest = _newest(past)
    dates = {item.info_code: said for item in arrivals if (said := _said(item)) and newest and said > newest}
    return set(dates) if len(dates) < LEAST or len(set(dates.values())) >= _SPREAD else set()


def _old(arrivals: Sequence[Arrival], past: Past) -> set[str]:
    newest = _newest(past)
    dated = ((arrival.info_code, _said(arrival)) for arrival in arrivals)
    return {code for code, said in dated if said and newest and said < newest - _OLD}


def _said(arrival: Arrival) -> datetime | None:
    return arrival.entry.published or arrival.entry.updated


def _newest(past: Past) -> datetime | None:
    return max((article.said for article in past.articles if article.said), default=None)


def _most(past: Past) -> int:
    """Give how many articles one of the recent fetches brought at most, the first of all left out."""
    return max(Counter(article.first_seen for article in _later(past)).values(), default=0)


def _most_old(past: Past) -> int:
    """The same, of articles that were old when they came."""
    old = (article.first_seen for article in _later(past) if article.said and article.said < article.first_seen - _OLD)
    return max(Counter(old).values(), default=0)


def _later(past: Past) -> list[PastArticle]:
    return [article for article in past.articles if article.first_seen != past.begun]


def _due(scene: Scene) -> float:
    """Give how many articles the time since the last successful fetch lets expect, by the dates of the newer half of
    those that are known. Where these say nothing, a downtime of ours lets expect any number."""
    since = scene.now - scene.memory.read_at if scene.memory.read_at else timedelta(0)
    dates = sorted((article.said for article in scene.past.articles if article.said), reverse=True)
    recent = dates[: max(_SPREAD, len(dates) // 2)]
    if len(set(recent)) >= _SPREAD:
        return (len(recent) - 1) * (since / (recent[0] - recent[-1]))
    return float("inf") if since > max(timedelta(days=1), 3 * scene.memory.usual) else 0
