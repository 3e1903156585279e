"""
nautilus_trader's side of a benchmark, for an environment that has nothing else installed.

Reads one JSON request from stdin and prints one JSON answer:

``{"case": "ticks", "bids": [cents, ...], "orders": [[is_buy, cents], ...]}``
    The orders are submitted at the start and never filled, which is not timed; then every bid is one quote tick.
``{"case": "markets", "bids": [...]}``
    A market order to buy at every quote tick.
``{"case": "limits", "bids": [...]}``
    At every quote tick a limit order far from the market, which is cancelled at the next one.

The time is that of ``BacktestEngine.run`` without logging and without its analysis afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from nautilus_trader import __version__
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderAccepted

BTCUSDT = TestInstrumentProvider.btcusdt_binance()
QTY = Quantity.from_str("0.001000")
SHOWN = Quantity.from_str("1000.000000")
START = 1_700_000_000_000_000_000
STEP = 100_000_000


def price_of(cents: int) -> Price:
    """A price with the instrument's precision."""
    return Price(cents / 100, 2)


def side_of(is_buy: bool) -> OrderSide:  # noqa: FBT001
    """The side of an order."""
    return OrderSide.BUY if is_buy else OrderSide.SELL


class Resting(Strategy):
    """
    Submits its orders at the start and does nothing else; it does not even listen to the ticks.

    ``began`` is when the last of them was on the book.
    """

    def __init__(self, orders: list[tuple[bool, int]]) -> None:
        super().__init__(StrategyConfig())
        self.orders = orders
        self.accepted = 0
        self.began = 0.0

    def on_start(self) -> None:
        """Submit all."""
        for is_buy, cents in self.orders:
            self.submit_order(self.order_factory.limit(BTCUSDT.id, side_of(is_buy), QTY, price_of(cents)))

    def on_order_accepted(self, event: OrderAccepted) -> None:  # noqa: ARG002
        """Note when all are there."""
        self.accepted += 1
        if self.accepted == len(self.orders):
            self.began = time.perf_counter()


class Markets(Strategy):
    """Buys at every tick: alternating sides close the position each time, which costs this engine far more."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig())

    def on_start(self) -> None:
        """Listen to the ticks."""
        self.subscribe_quote_ticks(BTCUSDT.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:  # noqa: ARG002
        """Submit one order."""
        self.submit_order(self.order_factory.market(BTCUSDT.id, OrderSide.BUY, QTY))


class Limits(Strategy):
    """Cancels its order and places the next one at every tick."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig())
        self.order: Any = None

    def on_start(self) -> None:
        """Listen to the ticks."""
        self.subscribe_quote_ticks(BTCUSDT.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:  # noqa: ARG002
        """Replace the order."""
        if self.order is not None:
            self.cancel_order(self.order)
        self.order = self.order_factory.limit(BTCUSDT.id, OrderSide.BUY, QTY, price_of(50_000_00))
        self.submit_order(self.order)


def ticks_of(bids: list[int]) -> list[QuoteTick]:
    """Quote ticks one cent wide."""
    prices = {cents: price_of(cents) for bid in bids for cents in (bid, bid + 1)}
    return [
        QuoteTick(BTCUSDT.id, prices[bid], prices[bid + 1], SHOWN, SHOWN, moment, moment)
        for moment, bid in zip(range(START, START + len(bids) * STEP, STEP), bids, strict=True)
    ]


def engine_for(strategy: Strategy, ticks: list[QuoteTick]) -> BacktestEngine:
    """A backtest on a spot account, as quiet and as bare as the engine allows."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            # a hundred orders a second is its default limit
            risk_engine=RiskEngineConfig(max_order_submit_rate="1000000/00:00:01"),
            run_analysis=False,
        ),
    )
    money = [Money(100_000_000, USDT), Money(1_000, BTC)]
    engine.add_venue(BTCUSDT.id.venue, OmsType.NETTING, AccountType.CASH, starting_balances=money)
    engine.add_instrument(BTCUSDT)
    engine.add_data(ticks)
    engine.add_strategy(strategy)
    return engine


def check(engine: BacktestEngine, case: str, expected: int) -> None:
    """What should have happened has happened."""
    done = engine.cache.orders_open_count() if case == "ticks" else engine.cache.orders_total_count()
    filled = sum(1 for order in engine.cache.orders() if order.filled_qty == order.quantity)
    if done != expected or filled != (expected if case == "markets" else 0):
        msg = f"{case}: {done} orders and {filled} filled, expected {expected}"
        raise SystemExit(msg)


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    case, bids = request["case"], request["bids"]
    orders = request.get("orders", [])
    strategy = {"ticks": lambda: Resting(orders), "markets": Markets, "limits": Limits}[case]()
    engine = engine_for(strategy, ticks_of(bids))
    began = time.perf_counter()
    engine.run()
    ended = time.perf_counter()
    seconds = ended - (getattr(strategy, "began", 0.0) or began)
    check(engine, case, len(orders) if case == "ticks" else len(bids))
    by = f"nautilus_trader {__version__} on Python {sys.version.split()[0]}"
    print(json.dumps({"count": len(bids), "seconds": seconds, "by": by}), flush=True)
    # taking the engine down is not part of the measurement, and takes long after many orders
    os._exit(0)


if __name__ == "__main__":
    main()
