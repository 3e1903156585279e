"""The market that the benchmarks share: one symbol, a quiet random walk between two far walls of resting orders."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from exec_plugin.core.events import QUOTE
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import SCALE, to_decimal
from exec_plugin.paper_broker import PaperBroker

if TYPE_CHECKING:
    from exec_plugin.core.events import Row

NAME = "BTCUSDT"
CENT = SCALE // 100
#: Displayed at every touch: so much that takers never exhaust it.
SHOWN = 1000 * SCALE
#: What every order asks for.
QTY = SCALE // 1000
#: Milliseconds between two ticks: wide enough that one order at each keeps within Binance's rate limits.
STEP = 1000
START = 1_700_000_000_000
BALANCES = {"BTC": 1_000_000 * SCALE, "USDT": 100_000_000_000 * SCALE}


class Resting(NamedTuple):
    """A limit order that no tick of the walk reaches, price in cents."""

    is_buy: bool
    price: int


def walk(count: int) -> list[int]:
    """Best bids in cents; the ask stands one cent higher. It strays far less than the walls are away."""
    random, bid, bids = Random(7), 60_000_00, []
    for _ in range(count):
        bid += random.choice((-1, 0, 1))
        bids.append(bid)
    return bids


def quotes(count: int) -> list[Row]:
    """The walk as market rows."""
    moments = range(START + STEP, START + (count + 1) * STEP, STEP)
    return [
        (QUOTE, time, NAME, bid * CENT, SHOWN, (bid + 1) * CENT, SHOWN)
        for time, bid in zip(moments, walk(count), strict=True)
    ]


def decimals(count: int) -> list[tuple[Decimal, Decimal, Decimal, Decimal]]:
    """The walk as a paper broker takes it: bid, ask, last price and volume."""
    cent, volume = Decimal("0.01"), Decimal(100)
    return [(bid * cent, (bid + 1) * cent, bid * cent, volume) for bid in walk(count)]


def walls(count: int) -> list[Resting]:
    """Half of the orders below 50,000, half above 70,000, each at a price of its own."""
    return [
        Resting(is_buy=True, price=50_000_00 - index) if index % 2 else Resting(is_buy=False, price=70_000_00 + index)
        for index in range(count)
    ]


def symbol() -> Symbol:
    """BTCUSDT with all of Binance's usual filters, except that it allows as many open orders as one likes."""
    entry = default_symbol(NAME).to_exchange_info()
    many = {"MAX_NUM_ORDERS": {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 1_000_000}}
    entry["filters"] = [many.get(item["filterType"], item) for item in entry["filters"]]
    return Symbol.from_exchange_info(entry)


def broker() -> PaperBroker:
    """A paper broker that trades this symbol, with the same balances."""
    balances = {asset: to_decimal(units) for asset, units in BALANCES.items()}
    return PaperBroker(balances, {"symbols": [symbol().to_exchange_info()]})
