"""A server that counts as Binance does."""

from __future__ import annotations

from collections import Counter
from email.utils import formatdate
from math import ceil

#: A server's time at the start of a minute.
MINUTE = 1_790_003_160.0


class Server:
    """Counts weight by the minute and orders by ten seconds and by day, its clock ahead of ours by ``ahead``."""

    def __init__(self, clock, second=0.0):
        self.clock = clock
        self.ahead = MINUTE + second - clock.now
        self.weight: Counter[int] = Counter()
        self.orders: Counter[tuple[str, int]] = Counter()

    @property
    def now(self):
        return self.clock.now + self.ahead

    def spend(self, weight):
        """A stranger's requests."""
        self.weight[int(self.now // 60)] += weight

    def answer(self, weight=1, orders=0):
        """Count a request and answer it."""
        self.spend(int(weight))
        used = self.weight[int(self.now // 60)]
        headers = {"Date": formatdate(int(self.now), usegmt=True), "X-MBX-USED-WEIGHT-1M": str(used)}
        if used > 6_000:
            return 429, headers | {"Retry-After": str(ceil(60 - self.now % 60))}
        for name, seconds in (("10S", 10), ("1D", 86_400)):
            self.orders[name, int(self.now // seconds)] += orders
            if orders:
                headers[f"X-MBX-ORDER-COUNT-{name}"] = str(self.orders[name, int(self.now // seconds)])
        return 200, headers
