"""Publish: views of the store rendered as documents, and the writer that puts them on disk.

Everything but `Writer` is pure: the same view gives the same bytes, on any machine and at any time. feedgen, lxml and
jinja2 are known here only.
"""

from typing import TYPE_CHECKING

from aggregator.lazy import parts_of

if TYPE_CHECKING:
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
    "opml_document",
    "rss",
    "site_id",
    "site_view",
    "static_documents",
    "subscription_list",
]

_PLACES = {
    "Fragments": "fragments",
    "Rendered": "documents",
    "Subscription": "opml",
    "View": "view",
    "Writer": "writer",
    "article_document": "documents",
    "article_path": "addresses",
    "atom": "atom_rss",
    "channel_document": "documents",
    "channel_id": "view",
    "channel_path": "addresses",
    "channel_view": "view",
    "entry_id": "view",
    "feed_documents": "documents",
    "index_document": "documents",
    "opml_document": "opml",
    "rss": "atom_rss",
    "site_id": "view",
    "site_view": "view",
    "static_documents": "pages",
    "subscription_list": "opml",
}


if not TYPE_CHECKING:  # most commands publish nothing, and feedgen and jinja2 take time
    __getattr__ = parts_of(__name__, _PLACES)
