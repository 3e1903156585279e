"""
A server on this machine that enforces limits as Binance does, in short windows, and the processes that ask it.

Run as a script it is one such process: ``enforcing.py PORT STORE LIMITS``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path

SECONDS, WEIGHT = 2, 600
LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "SECOND", "intervalNum": SECONDS, "limit": WEIGHT},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
]
#: What the requests of a process cost, in turn, and how many it has on their way at once.
WEIGHTS, TASKS = (1, 2, 5, 4), 4
#: Each way, in seconds.
LATENCY = 0.002
#: The server's clock goes so many seconds ahead of this machine's.
AHEAD = 1.37
#: After so many refusals in one window it bans.
PATIENCE = 10
OK, TOO_MANY, BANNED = 200, 429, 418


class Exchange:
    """Counts weight in windows of its own clock, refuses what exceeds a window, and bans who goes on."""

    def __init__(self, seconds=SECONDS, weight=WEIGHT):
        self.seconds, self.weight = seconds, weight
        self.used = Counter()
        self.accepted = Counter()
        self.refused = Counter()
        self.spent = Counter()
        self.banned = 0.0
        self._serving = set()
        self.first = self.port = 0

    def window(self):
        """The number of the current window."""
        return int((time.time() + AHEAD) // self.seconds)

    async def start(self):
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def until(self, window, part=0.0):
        """Wait until so much of a window has passed."""
        await asyncio.sleep(max((window + part) * self.seconds - time.time() - AHEAD, 0))

    async def stop(self):
        """Listen no longer, and let those who asked go."""
        self._server.close()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader, writer):
        self._serving.add(asyncio.current_task())
        try:
            while line := await reader.readline():
                headers = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY)
                status, answer = self._answer(line.decode(), headers.decode())
                await asyncio.sleep(LATENCY)
                text = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
                writer.write(f"HTTP/1.1 {status} .\r\n{text}Content-Length: 2\r\n\r\n{{}}".encode())
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _answer(self, line, headers):
        now = time.time() + AHEAD
        window = int(now // self.seconds)
        weight, who = int(line.split("weight=")[1].split()[0]), headers.split("Who: ")[1].split("\r\n")[0]
        self.used[window] += weight
        answer = {
            "Date": formatdate(now, usegmt=True),
            "X-MBX-USED-WEIGHT": self.used[window],
            f"X-MBX-USED-WEIGHT-{self.seconds}S": self.used[window],
        }
        if now >= self.banned and self.used[window] <= self.weight:
            self.accepted[window] += weight
            self.spent[window, who] += weight
            return OK, answer
        self.refused[window] += 1
        if self.refused[window] > PATIENCE:
            self.banned = max(self.banned, now + 2 * self.seconds)
        until = self.banned if now < self.banned else (window + 1) * self.seconds
        return BANNED if now < self.banned else TOO_MANY, answer | {"Retry-After": int(until - now) + 1}


class Processes:
    """Processes that share a budget and ask for all of it."""

    def __init__(self, port, store, count=3, limits=LIMITS):
        command = [sys.executable, __file__, str(port), str(store), json.dumps(limits)]
        self._running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
        self.names = [str(process.pid) for process in self._running]

    async def ready(self):
        """Wait until each of them has got an answer."""
        for process in self._running:
            assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"

    def kill(self, number):
        """End one of them as kill -9 does."""
        self._running[number].kill()

    def close(self):
        """End all of them."""
        for process in self._running:
            process.kill()
            process.communicate()


async def main(port, store, limits):
    """Ask for as much as the limiter lets through."""
    import os

    from exec_plugin.limit_store import shared_redis
    from exec_plugin.rate_limit import AdaptiveRateLimiter

    # a busy machine is no Redis that is gone
    shared_redis.LONGEST_TRY = 30.0
    limiter = AdaptiveRateLimiter(host="127.0.0.1", store=store, limits=limits)
    told = iter(("ready",))

    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = 0
        while True:
            weight = WEIGHTS[number % len(WEIGHTS)]
            number += 1
            reservation = await limiter.reserve(weight, endpoint="GET /api/v3/depth")
            writer.write(f"GET /api/v3/depth?weight={weight} HTTP/1.1\r\nWho: {os.getpid()}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            await reader.readexactly(2)
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            limiter.settle(reservation, int(head[0].split()[1]), headers)
            for text in told:
                print(text, flush=True)  # noqa: T201

    await asyncio.gather(*[ask() for _ in range(TASKS)])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
