"""Typed usages of the public API: never run, only type-checked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_type

import exec_plugin
from exec_plugin.binance import BinanceClient, BinanceConfig, create_binance_client
from exec_plugin.rate_limit import RateLimitConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.binance.rows import Rows
    from exec_plugin.core.models import ExchangeInfo, Fill, KlineData, Order
    from exec_plugin.plugins import Plugins
    from exec_plugin.rate_limit import Permit

assert_type(exec_plugin.__version__, str)
exec_plugin.instal()  # type: ignore[attr-defined]

install: Callable[[], None] = exec_plugin.install


async def broker() -> None:
    """The seed's calls take Decimals and give orders."""
    paper = exec_plugin.PaperBroker(initial_balances={"USDC": Decimal(10_000)})
    paper.update_market_data("BTCUSDC", Decimal(49_990), Decimal(50_010), Decimal(50_000), Decimal(100))
    order = await paper.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(49_000))
    assert_type(order, Order)
    await paper.cancel_order("BTCUSDC", order.id)
    await paper.cancel_order(order.id)
    assert_type(await paper.get_open_orders(), list[Order])
    assert_type(await paper.get_order_history("BTCUSDC", limit=50), list[Order])


async def limiter() -> None:
    """A permit is asked, awaited and entered; acquire takes a weight or an endpoint."""
    limits = exec_plugin.RateLimiter(RateLimitConfig(weight_per_minute=6_000))
    assert_type(limits.acquire("order", weight=1), Permit)
    assert_type(bool(limits.acquire(5, 3)), bool)
    assert_type(await limits.acquire("market_data"), bool)
    assert_type(limits.acquire_order(max_retries=3), bool)
    async with limits.acquire("order", 1) as permit:
        assert_type(permit, Permit)
    await limits.wait_if_needed("market_data", weight=2)
    limits.wait_for_capacity(weight=2, max_wait=1.5)
    base: exec_plugin.RateLimiter = exec_plugin.AdaptiveRateLimiter()
    base.acquire(None)  # type: ignore[arg-type]


async def client() -> None:
    """The seed's calls give Orders, KlineData, ExchangeInfo, and the exchange's own dicts."""
    async with exec_plugin.BinanceClient(BinanceConfig(api_key="k", api_secret="s", testnet=True)) as live:
        order = await live.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(50_000))
        assert_type(order, Order)
        assert_type(await live.get_order("BTCUSDC", client_order_id=order.client_order_id), Order)
        assert_type(await live.get_open_orders(), Rows[Order])
        assert_type(await live.get_klines("BTCUSDC", "1h", limit=100), Rows[KlineData])
        assert_type(await live.get_exchange_info("BTCUSDC"), ExchangeInfo)
        assert_type((await live.get_24hr_ticker("BTCUSDC"))["volume"], Any)
        assert_type(await live.health_check(), bool)
    assert_type(await create_binance_client(), exec_plugin.BinanceClient)


async def histories() -> None:
    """The client's calls give typed values; histories and streams are iterated over."""
    async with BinanceClient(BinanceConfig(testnet=True)) as binance:
        order = await binance.place_order("BTCUSDC", "BUY", "LIMIT", Decimal("0.001"), Decimal(50_000))
        assert_type(order, Order)
        await binance.place_order("BTCUSDC", "BUY", "LIMIT", 0.001)  # type: ignore[arg-type]
        assert_type(await binance.resolve_order("BTCUSDC", order.client_order_id), Order | None)
        assert_type(await binance.get_klines("BTCUSDC", "1h", limit=100), Rows[KlineData])
        assert_type(await binance.iter_my_trades("BTCUSDC", 0).rows(), Rows[Fill])
        async for candle in binance.iter_klines("BTCUSDC", "1h", 0, end=10):
            assert_type(candle, KlineData)
        async for trade in binance.watch_trades("BTCUSDC"):
            assert_type(trade.price, Decimal)


@exec_plugin.hookimpl
def exec_fill(fill: Fill, account: str) -> None:
    """A marked hook keeps its type."""


def plugins() -> None:
    """A host's two lines, and a hook that is still a function."""
    loaded = exec_plugin.load({"plugins": ["mine"]})
    assert_type(loaded, Plugins)
    make: Callable[[Mapping[str, Any]], Any] = exec_plugin.exchanges(loaded)["binance"]
    make({"exchange": "binance"})
    exec_fill("no fill", "me")  # type: ignore[arg-type]
