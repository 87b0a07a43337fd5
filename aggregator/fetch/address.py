"""Reads the URLs that are fetched: what is wrong with one is said in words, and credentials are never shown."""

import re
from functools import lru_cache

import httpx

from aggregator.fetch.failures import Failed, quoted
from aggregator.records import Failure

_HOST = re.compile(rb"(?=.{1,254}$)[^.%]{1,63}(\.[^.%]{1,63})*\.?")
_CREDENTIALS = re.compile(r"//[^/?#]*@")


@lru_cache(maxsize=4_096)  # httpx takes 50 us for each of the four readings, and every poll asks for the same ones
def web_address(text: str) -> httpx.URL:
    """Give the http: or https: URL that a text is, normalised and without fragment.

    Raises:
        Failed: it is none, with what would be right.
    """
    try:
        # twice, since httpx drops the default port of `HTTP://host:80/` only once the scheme is in lower case
        address = httpx.URL(str(httpx.URL(text.strip()))).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as error:  # idna and surrogates raise UnicodeError
        raise Failed(Failure.ADDRESS, f"{_named(text)} is no URL: {quoted(str(error))}") from error
    if not address.scheme or (address.scheme in ("http", "https") and not address.raw_host):
        raise Failed(Failure.ADDRESS, f"{_named(text)} is no whole URL; https://host/path would be right")
    if address.scheme not in ("http", "https"):
        spoken = "http:, https: and, from the configuration, file: are"
        raise Failed(Failure.REFUSED, f"'{quoted(address.scheme)}:' is not fetched; {spoken}")
    _check_host(address, text)
    return address


def without_login(address: httpx.URL) -> httpx.URL:
    """Give a URL without its credentials."""
    return address.copy_with(userinfo=b"") if address.userinfo else address


def shown(url: str) -> str:
    """Give a URL as it may be shown: without its credentials, and printable."""
    return _CREDENTIALS.sub("//", url.strip()).encode("utf-8", "replace").decode()


def _check_host(address: httpx.URL, text: str) -> None:
    if address.port is not None and not 0 < address.port < 65536:
        raise Failed(Failure.ADDRESS, f"{_named(text)} has the port {address.port}; 1 to 65535 would be right")
    if b":" not in address.raw_host and not _HOST.fullmatch(address.raw_host):
        raise Failed(Failure.ADDRESS, f"{_named(text)} has no proper host name: labels of 1 to 63 letters and digits")


def _named(text: str) -> str:
    return f"'{quoted(shown(text))}'"
