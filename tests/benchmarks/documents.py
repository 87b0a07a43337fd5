"""Generated newspapers: RSS and Atom in turn, Chinese full text, entries that grow from one poll to the next."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_WORDS = (
    "的", "在", "了", "是", "和", "有", "市场", "经济", "发展", "公司", "增长", "记者", "表示", "今年", "目前",
    "项目", "企业", "投资", "同比", "银行", "股份", "数据", "城市", "服务", "建设", "技术", "产业", "政策", "消费",
    "能源", "交通", "教育", "医疗", "居民", "社区", "公园", "图书馆", "地铁", "雨水", "夜色", "报道", "消息", "统计",
    "显示", "预计", "继续", "进一步",
)
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def text(rng: random.Random, characters: int) -> str:
    """Prose of about so many characters, in paragraphs of HTML."""
    paragraphs = []
    while sum(map(len, paragraphs)) < characters:
        sentences = ("".join(rng.choices(_WORDS, k=rng.randint(8, 22))) + "。" for _ in range(4))
        paragraphs.append(f"<p>{''.join(sentences)}</p>")
    return "\n".join(paragraphs)


def feed(number: int, *, entries: int = 50, offset: int = 0, characters: int = 1300) -> bytes:
    """The document of source `number` after `offset` further articles: `entries` of them, the newest first."""
    newest_first = range(entries + offset - 1, offset - 1, -1)
    items = "".join(_item(number, index, characters) for index in newest_first)
    if number % 2:
        head = f"<feed xmlns='http://www.w3.org/2005/Atom'><title>报纸{number}</title><id>urn:x:paper{number}</id>"
        updated = "<updated>2026-11-01T00:00:00Z</updated>"
        return f"<?xml version='1.0' encoding='utf-8'?>{head}{updated}{items}</feed>".encode()
    ns = "xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    head = f"<rss version='2.0' {ns}><channel><title>报纸{number}</title><link>https://paper{number}.example/</link>"
    return f"<?xml version='1.0' encoding='utf-8'?>{head}<description>d</description>{items}</channel></rss>".encode()


def _item(number: int, index: int, characters: int) -> str:
    rng = random.Random(f"{number}/{index}")
    when = _BEGIN + timedelta(minutes=17 * index + number % 17)
    link = f"https://paper{number}.example/a/{index}.html"
    title = "".join(rng.choices(_WORDS, k=9))
    body = text(rng, characters)
    if number % 2:
        escaped = body.replace("&", "&amp;").replace("<", "&lt;")
        return (
            f"<entry><id>{link}</id><title>{title}</title><link href='{link}'/><updated>{when.isoformat()}</updated>"
            f"<published>{when.isoformat()}</published><content type='html'>{escaped}</content></entry>"
        )
    return (
        f"<item><title>{title}</title><link>{link}</link><guid>{link}</guid><pubDate>{format_datetime(when)}</pubDate>"
        f"<description>{title}</description><content:encoded><![CDATA[{body}]]></content:encoded></item>"
    )
