"""The exception tree: broken promises, ours or the operator's. What the network does is a value, not an exception."""

from collections.abc import Sequence


class AggregatorError(Exception):
    """Everything that this package raises on purpose."""


class ConfigError(AggregatorError):
    """The configuration cannot be used; `problems` holds each fault with its place and what would be right."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StoreError(AggregatorError):
    """The store cannot be opened, read or written; the message names the file and the remedy."""


class PublishError(AggregatorError):
    """A document could not be rendered or written; the one published before it stays."""


class WorkerError(AggregatorError):
    """A job in the worker process did not give a result: it was too slow, too large, raised, or died."""
