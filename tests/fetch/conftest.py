"""What the tests of fetching share: a scripted server, and a client that may reach it."""

import os
from collections.abc import AsyncIterator

import pytest
from fetch_raw_server import AGENT, RawServer, raw_server

from aggregator.fetch.client import Client, ClientOptions


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """Run a scripted server on 127.0.0.1."""
    async with raw_server() as running:
        yield running


WAYS = {"direct": True} | ({"pooled": False} if os.environ.get("AGGREGATOR_TEST_FULL") else {})


@pytest.fixture(params=WAYS.values(), ids=WAYS)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Give a client that may fetch from loopback: over our sockets, and over httpx's transport where all is run."""
    async with Client(ClientOptions(AGENT, allow_networks=("127.0.0.0/8",), direct=request.param)) as open_client:
        yield open_client
