"""A limiter that tests can look into."""

from __future__ import annotations

import asyncio
import contextlib


class Books:
    """A limiter that writes down what it is told, and grants everything unless told otherwise."""

    def __init__(self):
        self.told = []
        self.count = 0
        self.refusal = None
        self.gate = None
        self.given_up = 0

    async def reserve(self, *asked, **named):
        number = self._reserve(*asked, **named)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
        return number

    def reserve_blocking(self, *asked, **named):
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            raise AssertionError("this blocks an event loop")
        return self._reserve(*asked, **named)

    def _reserve(self, weight, orders=0, *, endpoint, kind, max_wait=None):
        self.count += 1
        self.told.append(("reserve", endpoint, weight, orders, kind, max_wait))
        if self.refusal is not None:
            raise self.refusal
        return self.count

    def settle(self, reservation, status, headers, body=None):
        self.told.append(("settle", reservation, status, {k: v for k, v in headers.items() if k != "Date"}, body))

    def lost(self, reservation):
        self.told.append(("lost", reservation))

    def withdraw(self, reservation):
        self.told.append(("withdraw", reservation))

    def use_limits(self, limits):
        self.told.append(("limits", limits))

    def names(self):
        return [entry[0] for entry in self.told]
