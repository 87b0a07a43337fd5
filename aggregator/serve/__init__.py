"""Serve: the published files over HTTP, with validators. starlette and uvicorn are known here only."""

from aggregator.serve.access import Token
from aggregator.serve.app import ServeOptions, create_app
from aggregator.serve.crew import Crew
from aggregator.serve.hand import lend_a_hand
from aggregator.serve.rate import Rate
from aggregator.serve.readers import Readers
from aggregator.serve.searches import Search
from aggregator.serve.server import Alone, fast_loop, serve
from aggregator.serve.status import Reports

__all__ = [
    "Alone",
    "Crew",
    "Rate",
    "Readers",
    "Reports",
    "Search",
    "ServeOptions",
    "Token",
    "create_app",
    "fast_loop",
    "lend_a_hand",
    "serve",
]
