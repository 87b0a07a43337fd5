"""Is a changed article an edit, or churn? A reader is told of the first; of the second only the markup is taken over.

Pages change on every request without saying anything new: counters of views and comments, "5 minutes ago", the moment
at which the page was made, an advertisement, a tracking parameter. What is left of a title and a text without these is
compared, and never its bytes. Text that could be news is left in: a date in a sentence, the votes of an election.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from aggregator.markup import text_of
from aggregator.records import Changes, Retouch, Revision, Sighting, Wording
from aggregator.urls import canonical

MOST_RETOUCHES = 24  # times that an article's markup is taken over without an edit; churn behind that is ignored


def settled(changes: Changes, stored: Mapping[str, Wording]) -> Changes:
    """Take what is only churn out of a decision's revisions; `stored` holds the wordings that these would replace.

    It becomes a retouch, or, for an article that had many, a mere sighting. A takeover by another source stays what it
    is.
    """
    revisions: list[Revision] = []
    retouches: list[Retouch] = []
    sightings = list(changes.sightings)
    for revision in changes.revisions:
        before = stored.get(revision.info_code)
        if before is None or not is_churn(before, revision):
            revisions.append(revision)
        elif before.retouched < MOST_RETOUCHES:
            retouches.append(Retouch(revision.info_code, revision.entry, revision.names))
        else:
            names = tuple(name for name in revision.names if name.kind != "text")  # churn has another one at every poll
            sightings.append(Sighting(revision.info_code, revision.entry, names, learns=True))
    return replace(changes, revisions=tuple(revisions), sightings=tuple(sightings), retouches=tuple(retouches))


def is_churn(before: Wording, revision: Revision) -> bool:
    """Tell whether a source says of its article what it said before, but for what changes by itself."""
    entry = revision.entry
    if entry.source != before.source or core_of_title(entry.title) != core_of_title(before.title):
        return False
    return _says_the_same(entry.content, before.content) and _says_the_same(entry.summary, before.summary)


def core_of_title(title: str) -> str:
    """Give a title without its counters and white space. Dates in it are its meaning: `Daily, 3 May`."""
    return "".join(_anywhere().sub("", title).split())


def core_of(html: str) -> str:
    """Give what a text says, in a form to compare: without markup, white space and what changes by itself."""
    return _core(_lines_of(html))


def _says_the_same(one: str, other: str) -> bool:
    return one == other or len({_core(lines) for lines in _where_they_differ(_lines_of(one), _lines_of(other))}) == 1


def _lines_of(html: str) -> list[str]:
    return [line for line in text_of(html).split("\n") if line]


def _where_they_differ(one: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    """Leave out the lines that both begin and end with, but for one on each side: a label there says what follows."""
    same = _equal_lines(one, other)
    start = max(same - 1, 0)
    end = max(_equal_lines(one[same:][::-1], other[same:][::-1]) - 1, 0)
    return one[start : len(one) - end], other[start : len(other) - end]


def _equal_lines(one: list[str], other: list[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def _core(lines: list[str]) -> str:
    return "".join("".join(_kept(lines)).split())


def _kept(lines: list[str]) -> list[str]:
    """Give the lines without churn. An advertisement goes with the short line that its label stands over."""
    kept: list[str] = []
    advertised = False
    for line in lines:
        label = _ADVERTISEMENT.match(line)
        if not (label or (advertised and len(line) <= _SHORT)):
            kept.append(_without_churn(line))
        advertised = bool(label and label.end() == len(line))  # the next line is what it stands over
    return kept


def _without_churn(line: str) -> str:
    line = _anywhere().sub("", _URL.sub(_compared, line))
    if len(line) <= _SHORT:
        line = _in_a_short_line().sub("", line)
        line = "" if _times_alone().fullmatch(line) else line
    return _labelled_time().sub("", line)


def _compared(match: re.Match[str]) -> str:
    return canonical(match[0]) or match[0]


_SHORT = 120  # characters: a line of figures about a page, and not a paragraph of it

# --- what changes by itself -----------------------------------------------------------------------------------
# Every repetition is bounded and no number begins inside another: a line takes time in proportion to its length.

_NUMBER = r"(?<![\d.,])\d[\d,.]{0,14}\s?(?:[kKmM]\b|千|万|萬|亿|億)?\+?"
_WORD_OF_READERS = (
    r"(?:page\s?)?views?|reads?|comments?|repl(?:y|ies)|hits|impressions|downloads|aufrufe|kommentare?|vues"
    r"|commentaires?|vistas|comentarios?|visualizações|comentários?|visualizzazioni|commenti|reacties"
    r"|просмотр(?:а|ов)?|комментари(?:й|я|ев)|조회(?:수)?|댓글"
)
_CHINESE_WORD_OF_READERS = (
    "阅读|閱讀|浏览|瀏覽|点击|點擊|评论|評論|留言|跟帖|回复|回覆|点赞|點讚|播放|围观|閲覧|再生|コメント"
)
_WORD_OF_APPROVAL = r"likes?|shares?|votes?|points?|claps?|retweets?|reposts?|upvotes?|favou?rites?|followers?"
_CHINESE_WORD_OF_APPROVAL = "转发|轉發|分享|收藏|喜欢|参与|访问|人气|热度|在看|赞|讚|关注|投票"
_COUNTED = "(?:总?数|量|次数|人数|數|次數|人數)?"
_UNIT = "(?:次|条|條|人次|人|个|個|位|件|回|명|개|회)?"


def _counters(words: str, chinese: str) -> str:
    """Give a pattern of counters: `1,234 views`, `Comments (12)`, `阅读：1.2万`, `12 条评论`."""
    return (
        rf"{_NUMBER}\s?(?:{words})\b|\b(?:{words})\s?[:：(（\[]?\s?{_NUMBER}\s?[)）\]]?"
        rf"|(?:{chinese}){_COUNTED}\s?[:：(（\[]?\s?{_NUMBER}\s?{_UNIT}\s?[)）\]]?|{_NUMBER}\s?{_UNIT}\s?(?:{chinese})"
    )


_AGO = (
    r"(?:about |over |almost |less than )?(?:\d{1,4}|an?|one|two|few)\s(?:seconds?|secs?|minutes?|mins?|hours?|hrs?"
    r"|days?|weeks?|months?|years?)\sago|\b\d{1,4}\s?(?:s|m|h|d|w|mo|y)\sago\b|\bjust now\b"
    r"|\bvor \d{1,4} \w{1,12}|\bil y a \d{1,4} \w{1,12}|\bhace \d{1,4} \w{1,12}"
    r"|\d{1,4}\s?(?:秒钟?|秒鐘|分钟|分鐘|分|小时|小時|個小時|个小时|時間|天|日|周|週|個月|个月|年)之?前|刚刚|剛剛"
    r"|\d{1,4}\s?(?:초|분|시간|일|주|개월|년) 전"
)
_ICONS = "(?:[👁💬👍👎❤🔥♥★☆▲△⬆🗨📝🔁]\ufe0f?\u200d?)"


@cache
def _anywhere() -> re.Pattern[str]:
    """What is left out of every line. These patterns take long to compile, and most processes look at no edit."""
    return re.compile(
        rf"{_counters(_WORD_OF_READERS, _CHINESE_WORD_OF_READERS)}|{_AGO}|{_ICONS}\s?{_NUMBER}"
        r"|\b(?:no|add|leave a|post a) comments?\b|暂无评论|抢沙发",
        re.IGNORECASE,
    )


@cache
def _in_a_short_line() -> re.Pattern[str]:
    return re.compile(_counters(_WORD_OF_APPROVAL, _CHINESE_WORD_OF_APPROVAL), re.IGNORECASE)


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?\s)?"
_DATE = (
    rf"(?:\d{{4}}\s?[-/.年]\s?\d{{1,2}}\s?[-/.月]\s?\d{{1,2}}日?|\d{{1,2}}月\d{{1,2}}日|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}"
    rf"|{_DAY}\d{{1,2}}\.?\s{_MONTH},?\s\d{{4}}|{_DAY}{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}})"
)
_CLOCK = (
    r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:\.\d{1,6})?(?:\s?[ap]\.?m\b\.?)?(?:\s?(?:Z|UTC|GMT|[A-Z]{2,5})\b)?"
    r"(?:\s?[+-]\d{2}:?\d{2})?"
)
_JOINT = r"(?:\s|T|,|at|um|·|\||[-–—]){0,4}"
_TIME = rf"(?:{_DATE}{_JOINT}{_CLOCK}|{_CLOCK}{_JOINT}{_DATE}|{_CLOCK})"
_TIME_LABEL = (
    r"(?:\b(?:last |page |first )?(?:updated?|modified|published|posted|generated|rendered|retrieved|cached|edited)"
    r"(?: on| at)?|\b(?:stand|aktualisiert|mis à jour|actualizado)(?: am| le| el)?"
    r"|(?:本文|最后|最後|最近|页面)?(?:更新|发布|發布|發佈|修改|编辑|編輯|生成|抓取|刷新|发表|發表)(?:时间|時間|日期|于|於)?)\s?[:：]?\s?"
)


@cache
def _labelled_time() -> re.Pattern[str]:
    return re.compile(rf"{_TIME_LABEL}(?:{_TIME}|{_DATE})", re.IGNORECASE)


@cache
def _times_alone() -> re.Pattern[str]:
    return re.compile(rf"\W{{0,4}}(?:{_TIME}\W{{0,4}}){{1,3}}", re.IGNORECASE)


_ADVERTISEMENT = re.compile(
    r"\W{0,3}(?:(?:advertise?ments?|sponsored(?: content| posts?| links?)?|promoted(?: content)?|anzeige|werbung"
    r"|publicité|publicidad|реклама|广告|廣告|推广|推廣|赞助(?:内容)?|広告|광고)\W{0,3}(?:\Z|(?<=[:：|·—)）\]】]))"
    r"|(?:广告|廣告|推广|推廣|広告)\s)",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>\"'）)]{1,2000}")
