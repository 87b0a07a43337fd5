"""Logs: one event a line, as text or as JSON. What others wrote begins no line of its own, and no secret is said."""

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aggregator.config import Settings
from aggregator.errors import ConfigError
from aggregator.wiring import discreet, secrets_of

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LIBRARIES = {"apscheduler": logging.WARNING, "httpx": logging.WARNING, "httpcore": logging.WARNING}
_MASKED = "***"
_SHORTEST_SECRET = 6
_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@\"'<>]*@")
_IN_QUERY = re.compile(r"(?i)([?&][\w.-]*(?:key|token|secret|passw|auth|sign?)[\w.-]*=)[^&\s\"'<>]+")

Shown = Callable[[str], str]


def configure(settings: Settings, *, verbose: bool) -> None:
    """Log as `[log]` says, and with `verbose` every step. Without both, as it was begun: nothing is logged."""
    level = _level(settings, verbose=verbose)
    if level is None:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((AsJson if settings.log.format == "json" else AsText)(_shown(settings)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, level))


def _level(settings: Settings, *, verbose: bool) -> int | None:
    if verbose:
        return logging.INFO if settings.log.level != "debug" else logging.DEBUG
    if settings.log.level:
        return int(getattr(logging, settings.log.level.upper()))
    return logging.INFO if settings.log.format == "json" else None


def _shown(settings: Settings) -> Shown:
    """Give what makes a text sayable: without logins, addresses of private sources, and secrets of any source."""
    mask = discreet(settings)
    try:
        secrets = sorted((one for one in secrets_of(settings) if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)
    except ConfigError:
        secrets = []  # it is said elsewhere that one is missing
    pattern = re.compile("|".join(map(re.escape, secrets)) or r"(?!)")
    return lambda text: _IN_QUERY.sub(rf"\1{_MASKED}", _LOGIN.sub(r"\1", pattern.sub(_MASKED, mask(text))))


class _Formatter(logging.Formatter):
    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown = shown

    def _facts(self, record: logging.LogRecord) -> dict[str, Any]:
        return {name: self._value(value) for name, value in vars(record).items() if name not in _USUAL}

    def _value(self, value: Any) -> Any:
        """Give a fact as JSON can hold it."""
        match value:
            case None | bool() | int() | float():
                return value
            case list() | tuple() | set() | frozenset():
                return [self._value(each) for each in value]
            case dict():
                return {str(key): self._value(each) for key, each in value.items()}
        return self._shown(str(value))

    def _trace(self, record: logging.LogRecord) -> str:
        return self._shown(self.formatException(record.exc_info)) if record.exc_info else ""


class AsJson(_Formatter):
    """A JSON object a line: `time`, `level`, `logger`, `event`, the facts, and `traceback` where something broke."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        said: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._shown(record.getMessage()),
        }
        said |= {name: value for name, value in self._facts(record).items() if name not in said}
        if trace := self._trace(record):
            said["traceback"] = trace
        return _UNSEEN.sub(_as_escape, json.dumps(said, ensure_ascii=False, allow_nan=False, default=str))


class AsText(_Formatter):
    """Time, level, logger and event, then the facts as `name=value`; a traceback follows, each line set in."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, or with a traceback the lines."""
        facts = "".join(f" {name}={self._written(value)}" for name, value in self._facts(record).items())
        event = escaped(self._shown(record.getMessage()))
        line = f"{_time(record)} {record.levelname} {record.name}: {event}{facts}"
        trace = [f"\n    {escaped(each)}" for each in self._trace(record).splitlines()]
        return line + "".join(trace)

    def _written(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        plain = re.fullmatch(r"[^\s\"=]+", text) and not _UNSEEN.search(text)
        return text if plain else escaped(json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text)


def escaped(text: str) -> str:
    """Give a text on one line, with whatever is not seen written as an escape."""
    return _UNSEEN.sub(_as_escape, text)


def _as_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
