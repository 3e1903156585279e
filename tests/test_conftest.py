"""The network guard guards."""

from __future__ import annotations

import asyncio
import socket

import pytest


def test_refused(network_guard):
    """A connection to another machine is refused and remembered."""
    with socket.socket() as client, pytest.raises(ConnectionRefusedError, match="no network"):
        client.connect(("192.0.2.1", 80))
    assert network_guard == ["192.0.2.1"]
    network_guard.clear()


def test_names(network_guard):
    """A name is not even looked up."""
    with pytest.raises(ConnectionRefusedError):
        socket.getaddrinfo("api.binance.com", 443)
    assert network_guard == ["api.binance.com"]
    network_guard.clear()


async def test_async(network_guard):
    """An event loop's connections are refused too."""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("api.binance.com", 443)
    network_guard.clear()


async def test_loopback():
    """A server on this machine can be reached."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
