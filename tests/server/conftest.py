"""A server in a thread of its own, and clients that talk to it over loopback."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import aiohttp
import pytest
from protocol.signing_client import SETUP

from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.server import PaperServer, ServerSettings

LOCAL = ServerSettings(port=0)


@contextmanager
def in_thread(exchange, settings=LOCAL):
    """A running server with its own event loop, for clients that block."""
    loop = asyncio.new_event_loop()
    server = PaperServer(exchange, settings)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def exchange():
    """A scripted exchange with one account."""
    return ScriptedExchange(SETUP)


@pytest.fixture
def settings():
    """Where the server listens; tests override it."""
    return LOCAL


@pytest.fixture
async def server(exchange, settings):
    """A server in the test's own event loop."""
    server = PaperServer(exchange, settings)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http(server):
    """A client of it, through aiohttp."""
    async with aiohttp.ClientSession(server.url) as session:
        yield session


@pytest.fixture
async def raw(server):
    """Makes connections that say what they are told, byte by byte."""
    writers = []

    async def connect():
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
