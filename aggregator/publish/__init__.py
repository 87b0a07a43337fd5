"""Publish: views of the store rendered as documents, and the writer that puts them on disk.

Everything but `Writer` is pure: the same view gives the same bytes, on any machine and at any time. feedgen, lxml and
jinja2 are known here only.
"""

from aggregator.publish.addresses import article_path, channel_path
from aggregator.publish.atom_rss import atom, rss
from aggregator.publish.documents import (
    Rendered,
    article_document,
    channel_document,
    feed_documents,
    index_document,
)
from aggregator.publish.fragments import Fragments
from aggregator.publish.json_feed import json_feed
from aggregator.publish.opml import Subscription, opml_document, subscription_list
from aggregator.publish.pages import static_documents
from aggregator.publish.view import View, channel_id, channel_view, entry_id, site_id, site_view
from aggregator.publish.writer import Writer

__all__ = [
    "Fragments",
    "Rendered",
    "Subscription",
    "View",
    "Writer",
    "article_document",
    "article_path",
    "atom",
    "channel_document",
    "channel_id",
    "channel_path",
    "channel_view",
    "entry_id",
    "feed_documents",
    "index_document",
    "json_feed",
    "opml_document",
    "rss",
    "site_id",
    "site_view",
    "static_documents",
    "subscription_list",
]
