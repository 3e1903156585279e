"""
Many subscribers of one stream in a process of their own, which also makes the market move.

Reads one JSON object from stdin and writes one to stdout. Standard library only, so that it costs little itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

_SHORT, _MIDDLE = 126, 127


class Subscriber(asyncio.Protocol):
    """Shakes hands, then counts frames and looks at the age of each read's last one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.open: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.read = b""
        self.frames = 0
        self.last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.read += data
        if not self.open.done():
            head, found, rest = self.read.partition(b"\r\n\r\n")
            if not found:
                return
            self.open.set_result(b" 101 " in head[:20])
            self.read = rest
        start = 0
        while (end := self.end_of_frame(start)) <= len(self.read) and end:
            self.frames += self.read[start] == 0x81
            start = end
        self.read = self.read[start:]
        self.last = time.perf_counter()

    def end_of_frame(self, start: int) -> int:
        if len(self.read) < start + 2:
            return 0
        size = self.read[start + 1]
        if size < _SHORT:
            return start + 2 + size
        wide = 2 if size < _MIDDLE else 8
        if len(self.read) < start + 2 + wide:
            return 0
        return start + 2 + wide + int.from_bytes(self.read[start + 2 : start + 2 + wide], "big")


class Mover(asyncio.Protocol):
    """Posts one market event at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def post(self, number: int) -> None:
        event = {"type": "trade", "symbol": "BTCUSDT", "price": str(100 + number % 2), "qty": "1", "taker": "BUY"}
        body = json.dumps({"events": [event]})
        head = "POST /paper/market HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())


async def play(job: dict[str, object]) -> dict[str, object]:
    """Move the market so often, and tell how far behind the subscribers are at the end."""
    loop = asyncio.get_running_loop()
    address = (job["host"], job["port"])
    made = []
    for _ in range(int(job["subscribers"])):
        _, one = await loop.create_connection(lambda: Subscriber(str(job["path"])), *address)
        made.append(one)
        if not await one.open:
            return {"refused": True}
    _, mover = await loop.create_connection(Mover, *address)
    start = time.perf_counter()
    for number in range(int(job["events"])):
        await asyncio.sleep(max(start + number / float(job["rate"]) - time.perf_counter(), 0))
        mover.post(number)
    posted = time.perf_counter()
    wanted = int(job["events"])
    while min(one.frames for one in made) < wanted and time.perf_counter() < posted + 10:  # noqa: ASYNC110  a count is polled
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - start
    behind = max(one.last for one in made) - posted
    for one in made:
        one.transport.close()
    return {"count": sum(one.frames for one in made), "seconds": seconds, "behind": behind, "refused": False}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(json.load(sys.stdin)))))
