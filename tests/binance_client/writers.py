"""Writers that place and cancel many orders over a bad line, and what became of them beside the exchange's truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

from binance_client.faulty import INTENT, FaultyBinance, Line
from ccxt.base.errors import BaseError, NetworkError

from exec_plugin.binance import (
    BinanceClient,
    BinanceConfig,
    BinanceError,
    BinanceUnknownOrderState,
)

#: side, type, quantity, price, time in force: what fills, rests, expires and is refused
ORDERS = (
    ("BUY", "MARKET", "0.5", None, "GTC"),
    ("SELL", "MARKET", "0.25", None, "GTC"),
    ("BUY", "LIMIT", "1", "90.00", "GTC"),
    ("SELL", "LIMIT", "1", "120.00", "GTC"),
    ("BUY", "LIMIT", "0.3", "101.00", "IOC"),
    ("BUY", "LIMIT", "0.7", "95.00", "IOC"),
    ("BUY", "LIMIT_MAKER", "1", "150.00", "GTC"),
)
_RESTING = (2, 3)


class Tally:
    """How it went: ``outcomes`` by kind, and every contradiction between what was told and what is."""

    def __init__(self):
        self.outcomes = Counter()
        self.wrong = []

    def lines(self):
        return {**self.outcomes, "contradictions": len(self.wrong)}


async def client_writer(client, line, numbers, rng, tally):
    """Place orders one after the other, cancel half of those that rest; note what was told."""
    told = {}
    for number in numbers:
        INTENT.set(number)
        kind = rng.randrange(len(ORDERS))
        side, order_type, quantity, price, force = ORDERS[kind]
        name = f"order-{number}"
        try:
            order = await client.place_order(
                "BTCUSDT", side, order_type, quantity, price, force, client_order_id=name, validate=False
            )
        except BinanceUnknownOrderState:
            told[name] = ("unknown", None)
            continue
        except BinanceError:
            told[name] = ("not placed", None)
            continue
        told[name] = ("placed", order.id)
        if kind in _RESTING and rng.random() < 0.5:
            try:
                reply = await client.cancel_order("BTCUSDT", order_id=order.id)
                told[name] = ("cancelled", str(reply["orderId"]))
            except BinanceUnknownOrderState:
                told[name] = ("cancel unknown", order.id)
            except BinanceError:
                told[name] = ("not cancelled", order.id)
    return told


async def run_client(orders, writers=4, share=0.3, seed=0, skew=0.0, **settings):
    """The documented client on a bad line; answers the tally and the line."""
    line = Line(share, seed, skew)
    exchange = FaultyBinance(line)
    config = BinanceConfig(**{"retry_budget": 60.0, "max_retries": 6, **settings})
    client = BinanceClient(config, exchange=exchange, clock=line.loop.time, rng=Random(seed))
    parts = [range(start, orders, writers) for start in range(writers)]
    tally = Tally()
    async with client:
        done = await asyncio.gather(
            *[
                asyncio.create_task(client_writer(client, line, part, Random(seed * 1000 + at), tally))
                for at, part in enumerate(parts)
            ]
        )
        await line.settle()
        line.share = 0.0
        for told in done:
            for name, (what, number) in told.items():
                tally.outcomes[what] += 1
                if problem := await _contradiction(client, line, name, what, number):
                    tally.wrong.append(f"{name}: {problem}")
    return tally, line


async def _contradiction(client, line, name, what, number):
    """What the exchange says otherwise, if anything."""
    count = line.accepted[int(name.partition("-")[2])]
    if count > 1:
        return f"{count} orders"
    if what == "unknown":
        found = await client.resolve_order("BTCUSDT", name)
        return None if (found is not None) == bool(count) else f"resolve_order told {found} of {count}"
    if what == "not placed":
        return f"told not placed, and there are {count}" if count else None
    if not count:
        return "told placed, and there is none"
    order = await client.get_order("BTCUSDT", client_order_id=name)
    if order.id != number:
        return f"told {number}, and it is {order.id}"
    if (what == "cancelled") != (order.status == "CANCELED") and what != "cancel unknown":
        return f"told {what}, and it is {order.status}"
    return None


async def run_naive(orders, writers=4, share=0.3, seed=0, retries=3):
    """Plain ccxt, whose caller tries again when the network fails."""
    line = Line(share, seed)
    exchange = FaultyBinance(line)
    tally = Tally()

    async def write(numbers, rng):
        told = {}
        for number in numbers:
            INTENT.set(number)
            side, order_type, quantity, price, force = ORDERS[rng.randrange(len(ORDERS))]
            form = {"symbol": "BTCUSDT", "side": side, "type": order_type, "quantity": quantity}
            if order_type == "LIMIT":
                form["timeInForce"] = force
            if price:
                form["price"] = price
            told[number] = await _naively(exchange, form, retries)
        return told

    exchange.load_markets = None
    done = await asyncio.gather(
        *[
            asyncio.create_task(write(range(start, orders, writers), Random(seed * 1000 + start)))
            for start in range(writers)
        ]
    )
    await line.settle()
    for told in done:
        for number, is_placed in told.items():
            tally.outcomes["placed" if is_placed else "not placed"] += 1
            count = line.accepted[number]
            if count > 1:
                tally.outcomes["duplicates"] += count - 1
            if is_placed != bool(count) or count > 1:
                tally.wrong.append(f"{number}: told {is_placed}, and there are {count}")
            if count and not is_placed:
                tally.outcomes["lost"] += 1
    return tally, line


async def _naively(exchange, form, retries):
    for attempt in range(retries + 1):
        try:
            reply = await exchange.private_post_order(dict(form))
        except NetworkError:
            if attempt == retries:
                return False
            await asyncio.sleep(1)
        except BaseError:
            return False
        else:
            return isinstance(reply, dict)
    return False
