"""Serve: the published files over HTTP, with validators. starlette and uvicorn are known here only."""

from aggregator.serve.access import Token
from aggregator.serve.app import Search, ServeOptions, create_app
from aggregator.serve.rate import Rate
from aggregator.serve.server import fast_loop, serve

__all__ = ["Rate", "Search", "ServeOptions", "Token", "create_app", "fast_loop", "serve"]
