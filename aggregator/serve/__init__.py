"""Serve: the published files over HTTP, with validators. starlette and uvicorn are known here only."""

from aggregator.serve.app import ServeOptions, create_app
from aggregator.serve.server import fast_loop, serve

__all__ = ["ServeOptions", "create_app", "fast_loop", "serve"]
