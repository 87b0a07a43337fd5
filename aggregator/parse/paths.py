"""Is this a JSONPath? Asked when the configuration is read, so that the answer names the place in it."""

from functools import cache

import jsonpath_rfc9535


@cache
def jsonpath_fault(path: str) -> str | None:
    """Give what is wrong with a JSONPath (RFC 9535), or None where nothing is."""
    try:
        jsonpath_rfc9535.compile(path)
    except jsonpath_rfc9535.JSONPathError as error:
        return str(error).splitlines()[0]
    return None
