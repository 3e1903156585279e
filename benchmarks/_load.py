"""
The other side of a server benchmark, in a process of its own: keep-alive connections that ask again and again.

Reads one JSON object from stdin and writes one to stdout. Standard library only, so that it costs little itself.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
import time

#: Requests stay good for so long after they were signed.
WINDOW = 60_000


class Connection(asyncio.Protocol):
    """Sends one request after the other, the next one when its turn has come and the answer to the last is there."""

    def __init__(self, requests: list[bytes], pause: float, done: asyncio.Future[None]) -> None:
        self.requests = iter(requests)
        self.pause = pause
        self.done = done
        self.took: list[float] = []
        self.refused = 0
        self.heard = b""
        self.due = time.perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            self.done.set_result(None)
            return
        # by the clock that paces us, so that a late answer does not hide the wait of the next request
        self.sent = max(self.due, time.perf_counter()) if not self.pause else self.due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, found, body = self.heard.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.heard = b""
        now = time.perf_counter()
        self.took.append(now - self.sent)
        self.refused += b" 200 " not in head[:16]
        self.due += self.pause
        wait = self.due - now
        if self.pause and wait > 0:
            asyncio.get_running_loop().call_later(wait, self.send)
        else:
            self.send()


def signed(job: dict[str, str], number: int) -> bytes:
    """An order as a whole HTTP request."""
    moment = time.time_ns() // 1_000_000
    body = f"{job['order']}&newClientOrderId=load-{number}&recvWindow={WINDOW}&timestamp={moment}"
    signature = hmac.digest(job["secret"].encode(), body.encode(), "sha256").hex()
    text = f"{body}&signature={signature}"
    head = (
        f"POST /api/v3/order HTTP/1.1\r\nHost: {job['host']}\r\nX-MBX-APIKEY: {job['key']}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return (head + text).encode()


async def play(job: dict[str, object]) -> dict[str, object]:
    """Send all, and tell how it went."""
    loop = asyncio.get_running_loop()
    each, connections = int(job["count"]) // int(job["connections"]), int(job["connections"])
    pause = connections / float(job["rate"]) if job["rate"] else 0.0
    requests = [[signed(job, line * each + number) for number in range(each)] for line in range(connections)]
    made, waits = [], []
    start = time.perf_counter()
    for line in requests:
        done = loop.create_future()
        waits.append(done)
        _, connection = await loop.create_connection(
            lambda line=line, done=done: Connection(line, pause, done), job["host"], job["port"]
        )
        made.append(connection)
    await asyncio.gather(*waits)
    seconds = time.perf_counter() - start
    took = sorted(value for connection in made for value in connection.took)
    return {
        "count": len(took),
        "seconds": seconds,
        "refused": sum(connection.refused for connection in made),
        "median": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(json.load(sys.stdin)))))
