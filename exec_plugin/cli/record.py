"""``exec-plugin record``: the cassettes of the client's tests, from a test network, the live one or a server of one's own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from exec_plugin.binance import BinanceConfig
    from exec_plugin.cassettes.plays import Play
    from exec_plugin.cassettes.scene import Scene

EXAMPLES = """\b
Examples:
  exec-plugin record
  exec-plugin record --target testnet --out my_cassettes
  exec-plugin record --target http://127.0.0.1:8080 --only get_klines --only get_ticker
  exec-plugin record --target live
"""

#: A server of its own is the paper exchange.
OWN, TESTNET, LIVE = "paper", "testnet", "live"
#: The market of the package's own cassettes.
SEED = 7


@click.command(epilog=EXAMPLES, short_help="Record cassettes for tests of the Binance client.")
@click.option("--target", default=OWN, show_default=True,
              help="paper (a server of its own), testnet, live, or the address of a server.")  # fmt: skip
@click.option("--out", default="cassettes", show_default=True, help="Folder of the cassettes.",
              type=click.Path(file_okay=False, path_type=Path))  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="Record only this one; repeatable.")
@click.option("--list", "listed", is_flag=True, help="Only say what would be recorded.")
@click.option("--api-key", help="By default that of the environment, as create_binance_client reads it.")
@click.option("--trade-for-real", is_flag=True, help="With --target live: place orders too, which costs money.")
def record(
    target: str, out: Path, only: tuple[str, ...], api_key: str | None, *, listed: bool, trade_for_real: bool
) -> None:
    """
    Record what a Binance exchange answers, as cassettes that are replayed without a network.

    Keys, signatures, account ids and addresses are never written. The secret is read from the environment only:
    BINANCE_API_SECRET, on the testnet BINANCE_TESTNET_API_SECRET.
    """
    # help and completion need none of these
    from exec_plugin.cassettes.plays import PLAYS
    from exec_plugin.cassettes.tape import binance_vcr

    _check_names(only, PLAYS)
    wanted = [play for play in PLAYS.values() if not only or play.name in only]
    config = None if target == OWN else _config(target, api_key)
    chosen = [play for play in wanted if _obstacle(play, target, config, trade_for_real=trade_for_real) is None]
    if not listed:
        # without it nothing is recorded, so nothing is announced
        binance_vcr()
    _announce(wanted, target, config, out, trade_for_real=trade_for_real)
    if listed:
        return
    if not chosen:
        raise click.UsageError("nothing can be recorded so")
    asyncio.run(_record(chosen, target, config, out))


def _check_names(names: Iterable[str], known: Iterable[str]) -> None:
    from exec_plugin.config import nearest

    for name in names:
        if name not in known:
            msg = f"--only {name}: there is no such play; {nearest(name, known)}"
            raise click.UsageError(msg)


def _config(target: str, api_key: str | None) -> BinanceConfig:
    """How to reach it, with the credentials of the environment."""
    from exec_plugin.binance import BinanceConfig
    from exec_plugin.binance.config import credentials

    testnet = target == TESTNET
    key, secret = credentials(testnet=testnet)
    # a key without its secret opens nothing
    known = (api_key or key) if secret else None
    address = None if target in (TESTNET, LIVE) else target
    return BinanceConfig(api_key=known, api_secret=secret, testnet=testnet, base_url=address)


def _obstacle(play: Play, target: str, config: BinanceConfig | None, *, trade_for_real: bool) -> str | None:
    """Why a play cannot be recorded there."""
    from exec_plugin.cassettes.plays import PUBLIC, TRADING

    if config is None:
        return None
    if play.faults:
        return "needs a server that fails on demand: --target paper"
    if play.needs != PUBLIC and not config.api_key:
        return "needs a key and its secret in the environment"
    if play.needs == TRADING and target == LIVE and not trade_for_real:
        return "would place orders with real money: --trade-for-real"
    return None


def _announce(
    plays: Sequence[Play], target: str, config: BinanceConfig | None, out: Path, *, trade_for_real: bool
) -> None:
    """Say what is about to be done, and what is not, and why."""
    from exec_plugin.binance import mask_api_key
    from exec_plugin.cassettes.plays import TRADING

    key = "" if config is None else f", key {mask_api_key(config.api_key)}"
    click.echo(f"recording from {target}{key} into {out}", err=True)
    trading = False
    for play in plays:
        why = _obstacle(play, target, config, trade_for_real=trade_for_real)
        trading = trading or (why is None and play.needs == TRADING)
        click.echo(f"  {play.name}: {play.needs if why is None else f'left out, it {why}'}")
    if trading and config is not None:
        click.echo("small orders will be placed on this account, and cancelled or sold again", err=True)


async def _record(plays: Sequence[Play], target: str, config: BinanceConfig | None, out: Path) -> None:
    from exec_plugin.cassettes.recording import record as keep

    day = datetime.now(UTC).date()
    origin = f"{'the paper exchange of `exec-plugin serve`' if config is None else _place(target)} on {day}"
    for play in plays:
        async with _scene(play, config) as scene:
            path = await keep(play, scene, out, origin)
        click.echo(f"{path}", err=True)


def _place(target: str) -> str:
    return f"Binance's {target} network" if target in (TESTNET, LIVE) else "a Binance-like server"


@asynccontextmanager
async def _scene(play: Play, config: BinanceConfig | None) -> AsyncIterator[Scene]:
    """Where a play takes place; without a configuration on a server that is started for it."""
    from exec_plugin.cassettes.scene import Scene

    if config is not None:
        yield Scene(config, own_budget=config.base_url is not None)
        return
    from exec_plugin.binance import BinanceConfig
    from exec_plugin.cassettes.plays import SYMBOL
    from exec_plugin.server import PaperServer
    from exec_plugin.server.attaching import new_secret
    from exec_plugin.server.config import FUNDS, AccountPlan, Plan
    from exec_plugin.server.settings import ServerSettings

    key, secret = new_secret(), new_secret()
    plan = Plan(
        ServerSettings(port=0),
        {"seed": SEED, "symbols": SYMBOL},
        (AccountPlan("default", FUNDS, key, secret),),
        _faults(play),
    )
    server = PaperServer(plan.open(), plan.server)
    await server.start()
    try:
        yield Scene(BinanceConfig(api_key=key, api_secret=secret, base_url=server.url))
    finally:
        await server.stop()


def _faults(play: Play) -> dict[str, Any]:
    return {"rules": [dict(rule) for rule in play.faults]} if play.faults else {}
