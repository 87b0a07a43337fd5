"""The history of a channel (RFC 5005 §4): which document leads to which."""

from dataclasses import replace

from aggregator.publish.addresses import self_address
from aggregator.publish.view import Chain, View
from aggregator.records import Site

FORMATS = ("atom", "json", "html")  # RSS leads to the Atom archives: the ids are the same


def chain_links(site: Site, view: View) -> dict[str, str]:
    """Give the addresses of the Atom documents around one, by link relation."""
    chain = view.chain
    numbers = {"prev-archive": chain.before, "next-archive": chain.after}
    links = {"current": _address(site, view, 0, "atom")} if chain.number else {}
    return links | {rel: _address(site, view, number, "atom") for rel, number in numbers.items() if number}


def next_page(site: Site, view: View) -> str:
    """Give the address of the JSON Feed with the articles before these, or nothing."""
    return _address(site, view, view.chain.before, "json") if view.chain.before else ""


def _address(site: Site, view: View, number: int, extension: str) -> str:
    return self_address(site, replace(view, chain=Chain(number)), extension)
