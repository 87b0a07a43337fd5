"""A small site and its articles, for the tests of what is published."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aggregator.records import Channel, ChannelSummary, Enclosure, Site, StoredEntry

SITE = Site(
    title="金融消息",
    url="https://finews.example.org/",
    id_authority="finews.example.org,2026",
    language="zh-CN",
    timezone="Asia/Shanghai",
    author="编辑部",
)
CHANNEL = Channel("nanchangribao", "南昌日报新闻", "南昌日报")
NOON = datetime(2021, 12, 28, 4, 0, 0, tzinfo=UTC)

FULL = StoredEntry(
    seq=1,
    info_code="NW202112282227696247",
    source="eastmoney",
    guid="g-1",
    link="https://news.example.com/a/1.html?x=1&y=2",
    title="今年止付资金 2.92 亿元 <b> & “引号”",
    summary="<p>一句 <b>摘要</b> &lt;不是标签&gt;</p>",
    content='<p>正文 <a href="https://news.example.com/">链接</a> 与 ]]&gt;</p>',
    author="王小明",
    outlet="南昌日报",
    language="zh-CN",
    published=datetime(2021, 12, 28, 0, 8, 58, tzinfo=UTC),
    updated=datetime(2021, 12, 28, 3, 0, 1, 999_999, tzinfo=UTC),
    first_seen=NOON,
    sort_date=datetime(2021, 12, 28, 0, 8, 58, tzinfo=UTC),
    revision=1,
    fingerprint="f1",
    tags=("财经", "A & B"),
    enclosures=(
        Enclosure("https://news.example.com/1.mp3", "audio/mpeg", 1234, "录音"),
        Enclosure("https://news.example.com/2.pdf"),
    ),
    source_title="东方财富网",
    source_link="https://www.example.com/",
    source_id="tag:example.com,2020:feed",
    source_rights="© 东方财富",
    channels=(CHANNEL,),
)
BARE = StoredEntry(
    seq=2,
    info_code="x7",
    source="somewhere",
    guid="",
    link="",
    title="",
    summary="",
    content="",
    author="",
    outlet="",
    language="",
    published=None,
    updated=NOON - timedelta(days=1),
    first_seen=NOON - timedelta(days=1),
    sort_date=NOON - timedelta(days=1),
    revision=1,
    fingerprint="f2",
)
SUMMARY_ONLY = replace(
    FULL,
    seq=3,
    info_code="s-only",
    title="Only a summary",
    content="",
    language="en",
    published=NOON - timedelta(days=2),
    sort_date=NOON - timedelta(days=2),
    updated=NOON - timedelta(days=2),
    enclosures=(),
    source_id="not a URI",
)
ENTRIES = (FULL, BARE, SUMMARY_ONLY)
CHANNELS = (ChannelSummary(CHANNEL, 3, FULL.updated, ENTRIES), ChannelSummary(Channel("empty", "空"), 0, None))
