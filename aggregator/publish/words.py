"""The few words that pages say by themselves, in the site's language: Chinese, else English."""

from dataclasses import dataclass
from datetime import datetime

from aggregator.records import Remark, SearchNote

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on a page besides what was published; `articles` and `original` are followed by nothing else."""

    latest: str
    channels: str
    all_of: str
    home: str
    subscribe: str
    subscribe_how: str
    whole_site: str
    channel_list: str
    original: str
    related: str
    rights: str
    empty: str
    nothing_yet: str
    updated: str
    older: str
    newer: str
    sources: str
    search: str
    find: str
    nothing_found: str
    search_how: str
    search_again: str
    before: str
    after: str
    tags: str
    website: str
    chinese: bool

    def page(self, number: int) -> str:
        """Say which part of a channel's history this is; the oldest is 1."""
        return f"往期第 {number} 页" if self.chinese else f"Archive, page {number}"

    def part(self, number: int, last: int) -> str:
        """Say which page of a list this is."""
        return f"第 {number} 页，共 {last} 页" if self.chinese else f"Page {number} of {last}"

    def found(self, number: int, *, more: bool) -> str:
        """Say how many articles are shown of those that were found."""
        if self.chinese:
            return f"找到 {number} 篇以上" if more else f"找到 {number} 篇"
        return f"More than {number} articles" if more else self.count(number)

    def count(self, number: int) -> str:
        """Say how many articles there are."""
        if self.chinese:
            return f"{number} 篇"
        return "1 article" if number == 1 else f"{number} articles"

    def counted(self, number: int, exact: bool) -> str:
        """Say how many articles were found."""
        if self.chinese:
            return f"共 {number:,} 篇" if exact else f"约 {number:,} 篇"
        return self.count(number) if exact else f"About {number:,} articles"

    def numbered(self, page: int) -> str:
        """Name a page of what was found."""
        return f"第 {page} 页" if self.chinese else f"Page {page}"

    def remark(self, remark: Remark) -> str:
        """Say what there is to say of a search."""
        chinese, english = _REMARKS[remark.note]
        return (chinese if self.chinese else english).format(f"{remark.number:,}")

    def back_to(self, place: str) -> str:
        """Say where a link leads back to."""
        return f"返回{place}" if self.chinese else f"Back to {place}"

    def extra(self, rel: str) -> str:
        """Name what goes with a recording."""
        chinese, english = {"transcript": ("文字稿", "Transcript"), "chapters": ("章节", "Chapters")}[rel]
        return chinese if self.chinese else english

    def duration(self, seconds: int) -> str:
        """Say how long a recording is: 1:02:03 or 26:53."""
        hours, rest = divmod(seconds, 3600)
        minutes = f"{rest // 60:02d}:{rest % 60:02d}"
        return f"{hours}:{minutes}" if hours else minutes.removeprefix("0")

    def moment(self, time: datetime) -> str:
        """Say a time for people, without the machine's locale."""
        clock = f"{time.hour:02d}:{time.minute:02d}"
        if self.chinese:
            return f"{time.year}年{time.month}月{time.day}日 {clock}"
        return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {clock}"

    def day(self, time: datetime, year: int) -> str:
        """Say the day of a time in this year, short, for lists of titles; of other years the month is enough."""
        if time.year != year:
            return f"{time.year}年{time.month}月" if self.chinese else f"{_MONTHS[time.month - 1]} {time.year}"
        return f"{time.month}月{time.day}日" if self.chinese else f"{time.day} {_MONTHS[time.month - 1]}"


_REMARKS = {
    SearchNote.NO_WORD: ("请输入要查找的词语，任何语言都可以。", "type a word to find, in any language"),
    SearchNote.ONLY_WITHOUT: (
        "请同时写出要查找的词语，而不只是要排除的。",
        "say also what is to be found, not only what is not",
    ),
    SearchNote.CUT: ("查询太长，只查找了前 {} 个词。", "the query is long; only the first words were looked for: {}"),
    SearchNote.LATE: (
        "查找用时过长，只看了最近的约 {} 篇文章；请换一个更少见的词。",
        "this took too long, only about the newest {} articles were looked through; name a rarer word",
    ),
    SearchNote.DEEP: (
        "这里最多列出 {} 篇；请再加一个词，缩小范围。",
        "no more than {} are listed; another word narrows it down",
    ),
}
_CHINESE = Words(
    latest="最新消息",
    channels="频道",
    all_of="全部文章",
    home="首页",
    subscribe="订阅",
    subscribe_how="把这个地址复制到任意一款阅读器中，即可收到新文章：",
    whole_site="全站",
    channel_list="频道列表（OPML）",
    original="阅读原文",
    related="其他来源的报道：",
    rights="版权归原作者及来源所有",
    empty="这个频道还没有文章。",
    nothing_yet="还没有文章，稍后再来看看。",
    updated="更新于",
    older="更早的文章",
    newer="更新的文章",
    sources="来源",
    search="搜索",
    find="搜索文章",
    nothing_found="没有找到相关文章。",
    search_how="可以输入几个词语、“一个短语”、-不要的词、甲 OR 乙，或者 标题:词语。",
    search_again="请检查写法，减少词语，或换一个更常见的说法。",
    before="上一页",
    after="下一页",
    tags="标签",
    website="网站",
    chinese=True,
)
_ENGLISH = Words(
    latest="Latest",
    channels="Channels",
    all_of="All articles",
    home="Home",
    subscribe="Subscribe",
    subscribe_how="Copy this address into any feed reader to get new articles:",
    whole_site="Whole site",
    channel_list="List of channels (OPML)",
    original="Read the original",
    related="Also reported by",
    rights="All rights remain with the author and the source",
    empty="No articles in this channel yet.",
    nothing_yet="No articles yet. Come back a little later.",
    updated="Updated",
    older="Older articles",
    newer="Newer articles",
    sources="Sources",
    search="Search",
    find="Find articles",
    nothing_found="No articles were found.",
    search_how="Words are found in any order; “a phrase” as it stands. -word leaves out, this OR that, title:word.",
    search_again="Look at the spelling, take fewer words, or more usual ones.",
    before="Previous",
    after="Next",
    tags="Tags",
    website="Website",
    chinese=False,
)


def words_in(language: str) -> Words:
    """Give the words for a language tag."""
    return _CHINESE if language.lower().partition("-")[0] == "zh" else _ENGLISH
