"""``exec-plugin serve``: the paper exchange over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from exec_plugin.cli.demo import read_balances

if TYPE_CHECKING:
    from collections.abc import Callable

    from exec_plugin.server import PaperServer
    from exec_plugin.server.config import Plan

EXAMPLES = """\b
Examples:
  exec-plugin serve
  exec-plugin serve --port 0 --symbols BTCUSDT,ETHUSDT --seed 7
  exec-plugin serve --recording ethusdt.gz --speed 10
  exec-plugin serve --feed push --api-key k --api-secret s
  exec-plugin serve --feed live --symbols BTCUSDT,ETHUSDT
  exec-plugin serve --config server.toml --faults faults.toml
  exec-plugin serve --db-url sqlite:///bots.sqlite

\b
Another shell reads where it is and who may trade:
  exec-plugin serve | tee paper.env
  set -a; . ./paper.env
"""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
#: As `journal.LEVELS`, which help and completion do not wait for.
LEVELS = ("full", "normal", "off")


@click.command(epilog=EXAMPLES, short_help="Serve the paper exchange to any Binance client.")
@click.option("--host", help="Where to listen. Default: 127.0.0.1, this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 for any that is free. Default: 8080.")
@click.option("--feed", help="Where the market comes from: synthetic, recording, push, live or a plugin's name.")
@click.option("--recording", type=_FILE, help="Play this recorded market.")
@click.option("--live-url", help="Whose public market data a live feed follows. Default: Binance's.")
@click.option("--symbols", help="What to trade: BTCUSDT,ETHUSDT. Default: all that the feed knows.")
@click.option("--seed", type=int, help="Another seed, another synthetic market. Default: 0.")
@click.option("--speed", help="real, or a factor such as 60. Default: real.")
@click.option(
    "--db-url",
    help="Where accounts are kept: sqlite:// (memory), sqlite:///file or postgresql://... "
    "Default: a file of yours; memory for a recording.",
)
@click.option("--durability", type=click.Choice(LEVELS), help="What kept accounts outlive: full (default) a power cut.")
@click.option("--api-key", envvar="EXEC_PLUGIN__API_KEY", help="Key of the account; made up and printed otherwise.")
@click.option("--api-secret", envvar="EXEC_PLUGIN__API_SECRET", help="Its secret, or a public key in PEM form.")
@click.option("--balance", "balances", metavar="ASSET=AMOUNT", multiple=True, callback=read_balances,
              help="What the account starts with; repeatable.")  # fmt: skip
@click.option("--config", type=_FILE, help="A TOML file with all of this and more; options win over it.")
@click.option("--faults", type=_FILE, help="A TOML file of what shall go wrong.")
@click.option("--control/--no-control", default=None, help="Whether the routes below /paper/ exist. Default: they do.")
@click.option("--control-token", envvar="EXEC_PLUGIN__CONTROL_TOKEN", help="What others than this machine show there.")
@click.option(
    "--metrics/--no-metrics", default=None, help="Whether /metrics exists. Default: where the extra is there."
)
@click.option("--metrics-token", envvar="EXEC_PLUGIN__METRICS_TOKEN", help="What others than this machine show there.")
@click.option("--tls-cert", type=_FILE, help="Certificate in PEM form, for https and wss.")
@click.option("--tls-key", type=_FILE, help="Its private key.")
def serve(**given: Any) -> None:
    """
    Serve the paper exchange over HTTP and WebSocket, to any Binance client in any language.

    Its address and the account's key and secret are printed once, as three lines for a shell; Ctrl-C stops it.
    """
    # help and completion need none of these
    from exec_plugin.account import PaperExchange
    from exec_plugin.server import PaperServer

    plan = _plan(given).checked()
    exchange = plan.open()
    if isinstance(exchange, PaperExchange):
        exchange.on_end = lambda: click.echo("the recording has ended: the market stands still", err=True)
    server = PaperServer(exchange, plan.server)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(server, plan))
    finally:
        if isinstance(exchange, PaperExchange):
            exchange.close()


def _plan(given: dict[str, Any]) -> Plan:
    """The plan of the file, with the options over it."""
    from attrs import evolve

    from exec_plugin.core.errors import ConfigError
    from exec_plugin.server.config import FUNDS, AccountPlan, Plan, read_faults, read_plan

    plan = read_plan(given["config"]) if given["config"] else Plan()
    names = ("host", "port", "control", "control_token", "metrics", "metrics_token", "tls_cert", "tls_key")
    server = {name: given[name] for name in names if given[name] is not None}
    market = {name: given[name] for name in ("feed", "live_url", "symbols", "seed", "speed") if given[name] is not None}
    if given["recording"]:
        market["recording"] = str(given["recording"])
    plan = evolve(plan, server=evolve(plan.server, **server), market={**plan.market, **market})
    plan = evolve(plan, **{name: given[name] for name in ("db_url", "durability") if given[name]})
    if not plan.db_url and plan.market.get("feed") != "push" and not plan.market.get("recording"):
        plan = evolve(plan, db_url=_default_url())
    if given["faults"]:
        plan = evolve(plan, faults=read_faults(given["faults"]))
    key, secret, balances = given["api_key"], given["api_secret"], given["balances"]
    if not (key or secret or balances):
        return plan
    if plan.accounts:
        raise ConfigError("--api-key, --api-secret and --balance are for one account; the file names its own")
    if bool(key) != bool(secret):
        raise ConfigError("--api-key and --api-secret come together")
    return evolve(plan, accounts=(_account(AccountPlan, key, secret, balances or FUNDS),))


def _default_url() -> str:
    from exec_plugin.core.errors import ConfigError
    from exec_plugin.journal import default_url

    try:
        return default_url()
    except RuntimeError as error:
        msg = f"{error} Name a folder in EXEC_PLUGIN_HOME, or a file with --db-url; --db-url sqlite:// keeps nothing"
        raise ConfigError(msg) from error


def _account(make: Callable[..., Any], key: str | None, secret: str | None, balances: dict[str, str]) -> Any:
    from exec_plugin.server.attaching import new_secret

    return make("default", balances, key or new_secret(), secret or new_secret(), is_told=bool(key))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A faster event loop, which comes with ccxt on most machines."""
    try:
        from uvloop import new_event_loop
    except ImportError:  # pragma: no cover - where there is no uvloop
        return None
    return new_event_loop


async def _run(server: PaperServer, plan: Plan) -> None:
    """Serve until a signal comes."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # where signals do not reach an event loop, Ctrl-C ends it with an exception instead
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopping.set)
    await server.start()
    # what is there by now stays: looking through it again and again would keep clients waiting for tens of ms
    gc.collect()
    gc.freeze()
    try:
        _announce(server, plan)
        await stopping.wait()
        click.echo("stopping", err=True)
    finally:
        await server.stop()


def _announce(server: PaperServer, plan: Plan) -> None:
    """Print what a client needs, for a shell to read."""
    click.echo(f"BINANCE_BASE_URL={server.url}")
    for number, account in enumerate(plan.accounts):
        # a shell will carry out what stands here
        suffix = f"_{re.sub(r'[^A-Z0-9_]', '_', account.name.upper())}" if number else ""
        click.echo(f"BINANCE_API_KEY{suffix}={quote(account.api_key)}")
        if not account.is_told:
            # nobody else knows it; it is printed this once and logged nowhere
            click.echo(f"BINANCE_API_SECRET{suffix}={account.secret}")
    click.echo(f"serving {plan.market.get('feed', 'the synthetic market')}; Ctrl-C stops it", err=True)
    if plan.db_url:
        from exec_plugin.journal import masked

        click.echo(f"accounts are kept in {masked(plan.db_url)}; what they start with is for new ones", err=True)
