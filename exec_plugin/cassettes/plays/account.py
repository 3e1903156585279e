"""What an account is told; nothing is traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.binance import BinanceAuthError, BinanceOrderNotFoundError, BinanceRequestError, BinanceTimestampError
from exec_plugin.cassettes.plays.base import (
    ACCOUNT,
    MISSING,
    MISSING_ID,
    NOWHERE,
    SHORT_WINDOW,
    SYMBOL,
    fault,
    own,
    play,
)

if TYPE_CHECKING:
    from exec_plugin.cassettes.scene import Scene


@play("get_account_info", ACCOUNT)
async def get_account_info(scene: Scene) -> Any:
    """The account and its balances."""
    async with scene.open() as client:
        return await client.get_account_info()


@play("get_account_info", ACCOUNT, fails=BinanceAuthError)
async def get_account_info_failure(scene: Scene) -> Any:
    """A secret that is not the key's."""
    async with scene.open(api_secret="no-secret-of-anybody") as client:  # noqa: S106
        await client.get_account_info()


@play("get_account_info", ACCOUNT, faults=(fault("clock", "GET", "/api/v3/account", count=1),))
async def get_account_info_late(scene: Scene) -> Any:
    """The clocks are said to differ: they are compared, and it is asked once more."""
    async with scene.open() as client:
        return await client.get_account_info()


@play("get_account_info", ACCOUNT, fails=BinanceTimestampError, faults=(fault("clock", "GET", "/api/v3/account"),))
async def get_account_info_late_failure(scene: Scene) -> Any:
    """Once, not for ever."""
    async with scene.open() as client:
        await client.get_account_info()


@play("get_order", ACCOUNT, fails=BinanceOrderNotFoundError)
async def get_order_failure(scene: Scene) -> Any:
    """An order that does not exist."""
    async with scene.open() as client:
        await client.get_order(SYMBOL, MISSING_ID)


@play("get_open_orders", ACCOUNT, fails=BinanceRequestError)
async def get_open_orders_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_open_orders(NOWHERE)


@play("get_order_history", ACCOUNT, fails=BinanceRequestError)
async def get_order_history_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_order_history(NOWHERE)


@play("cancel_order", ACCOUNT, fails=BinanceOrderNotFoundError)
async def cancel_order_failure(scene: Scene) -> Any:
    """An order that does not exist."""
    async with scene.open() as client:
        await client.cancel_order(SYMBOL, client_order_id=own(MISSING))


@play("resolve_order", ACCOUNT, repeats=True)
async def resolve_order_failure(scene: Scene) -> Any:
    """An order that was never sent: certain once it can no longer come."""
    async with scene.open(recv_window=SHORT_WINDOW) as client:
        return await client.resolve_order(SYMBOL, own(MISSING))


@play("get_my_trades", ACCOUNT, fails=BinanceRequestError)
async def get_my_trades_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_my_trades(NOWHERE)


@play("iter_my_trades", ACCOUNT, fails=BinanceRequestError)
async def iter_my_trades_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.iter_my_trades(NOWHERE).rows()


@play("iter_order_history", ACCOUNT, fails=BinanceRequestError)
async def iter_order_history_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.iter_order_history(NOWHERE).rows()
