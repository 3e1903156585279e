"""Sessions: how they begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.binance import BinanceError, BinanceMaintenanceError, create_binance_client
from exec_plugin.cassettes.plays.base import TIME, fault, play

if TYPE_CHECKING:
    from exec_plugin.binance import BinanceClient
    from exec_plugin.cassettes.scene import Scene


@play("start_session")
async def start_session(scene: Scene) -> Any:
    """The clocks are compared once, however often it is called."""
    async with scene.open() as client:
        await client.start_session()
        return client._get_timestamp()


@play("start_session", fails=BinanceMaintenanceError, faults=(fault("server_error", "GET", TIME, status=502),))
async def start_session_failure(scene: Scene) -> Any:
    """An exchange that cannot answer fails the start."""
    async with scene.open():
        pass


@play("close_session")
async def close_session(scene: Scene) -> Any:
    """Closing twice is closing once."""
    client = scene.make()
    await client.start_session()
    await client.close_session()
    await client.close_session()
    return repr(client)


@play("close_session", fails=BinanceError)
async def close_session_failure(scene: Scene) -> Any:
    """A closed client asks for nothing."""
    async with scene.open() as client:
        await client.close_session()
        await client.get_server_time()


@play("create_binance_client")
async def create_client(scene: Scene) -> Any:
    """The factory's client is started, and goes where it was told to."""
    async with await _created(scene) as client:
        return await client.get_server_time()


@play("create_binance_client", fails=BinanceMaintenanceError, faults=(fault("server_error", "GET", TIME),))
async def create_client_failure(scene: Scene) -> Any:
    """The factory closes what it has opened when the exchange does not answer."""
    await _created(scene)


async def _created(scene: Scene) -> BinanceClient:
    config = scene.config
    return await create_binance_client(
        config.api_key.reveal(),
        config.api_secret.reveal(),
        config.testnet,
        rate_limiter=scene.limiter(),
        base_url=config.base_url,
    )
