"""A loopback proxy in front of a server that does to connections what a bad network does, by seed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from random import Random
from urllib.parse import urlsplit

#: Every way in which an answer can fail here, by name.
FATES = ("cut", "cut_done", "mid_body", "slow", "slow_lost", "twice", "twice_later", "502_done", "503")


class Proxy:
    """
    Passes HTTP/1.1 on, one request of a connection after the other.

    Args:
        upstream: address of the server.
        share: of the requests below ``path`` that go wrong.
        seed: of what goes wrong.
        patience: seconds that clients wait for an answer; what is slow takes longer.
    """

    def __init__(self, upstream, share, seed=0, patience=0.3, path="/api/v3/order", fates=FATES):
        self.host, self.port = upstream.removeprefix("http://").split(":")
        self.share, self.rng, self.patience, self.path, self.fates = share, Random(seed), patience, path, fates
        self.happened = Counter()
        self.tasks = set()
        self.server = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _one(self, reader, writer):
        """One request and its answer; False when the connection is over."""
        request = await _message(reader)
        target = request.split(b" ", 2)[1].decode()
        fate = None
        if urlsplit(target).path == self.path and self.rng.random() < self.share:
            fate = self.rng.choice(self.fates)
        self.happened[fate or "fine"] += 1
        if fate == "cut":
            writer.transport.abort()
            return False
        if fate == "503":
            writer.write(_plain(503))
            return True
        if fate == "slow_lost":
            await asyncio.sleep(self.patience * 2)
            return False
        if fate == "slow":
            await asyncio.sleep(self.patience * 1.5)
        answer = await self._ask(request)
        return self._reply(fate, answer, writer)

    async def _ask(self, request):
        reader, writer = await asyncio.open_connection(self.host, int(self.port))
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()

    def _reply(self, fate, answer, writer):
        if fate in ("cut_done", "slow"):
            writer.transport.abort()
            return False
        if fate == "mid_body":
            writer.write(answer[:-5])
            writer.transport.close()
            return False
        if fate == "502_done":
            writer.write(_plain(502))
            return True
        writer.write(answer)
        if fate == "twice":
            writer.write(answer)
        elif fate == "twice_later":
            # when the connection is idle, or carries another request already
            asyncio.get_running_loop().call_later(0.002, writer.write, answer)
        return True


def _plain(status):
    text = b"<html>not today</html>"
    return b"HTTP/1.1 %d Not Today\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(text),
        text,
    )


async def _message(reader):
    """One HTTP message with the body that its Content-Length tells."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + (await reader.readexactly(length) if length else b"")
