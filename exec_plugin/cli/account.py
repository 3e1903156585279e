"""``exec-plugin account``: the accounts that are kept, looked at and looked after."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exec_plugin.journal import Store
    from exec_plugin.journal.store import Row

EXAMPLES = """\b
Examples:
  exec-plugin account list
  exec-plugin account show default
  exec-plugin account export default > default.json
  exec-plugin account reset default
  exec-plugin account verify
  exec-plugin account repair --output rescued.sqlite
"""

_URL = click.option("--db-url", metavar="URL", help="Where they are kept. Default: this user's file.")
_MARKET = click.option("--market", help="Which one, where accounts on several markets have the name.")


@click.group(epilog=EXAMPLES, short_help="Show and look after the accounts that are kept.")
def account() -> None:
    """
    Show and look after the accounts that are kept (docs/journal.md).

    Looking is possible while a server or a bot trades; what changes an account needs it for itself.
    """


@account.command("list")
@_URL
def list_accounts(db_url: str | None) -> None:
    """List the accounts, and who trades on them."""
    with _looking(db_url) as store:
        rows = store.rows()
        if not rows:
            click.echo(f"there are no accounts in {store.where}", err=True)
        for row in rows:
            click.echo(f"{row.name:<24}  {row.venue:<24}  {_user(store, row)}")


def _user(store: Store, row: Row) -> str:
    """Whose it is now."""
    return f"in use by {row.holder}" if store.backend.is_claimed(row.id) else "free"


@account.command()
@click.argument("name")
@_URL
@_MARKET
def show(name: str, db_url: str | None, market: str | None) -> None:
    """Show an account's balances and open orders."""
    from exec_plugin.journal.looking import exported, look

    with _looking(db_url) as store:
        row = _find(store, name, market)
        seen = look(store, row)
        _complain(seen.problems)
        told = exported(seen)
        click.echo(_user(store, row), err=True)
    for asset, held in told["balances"].items():
        click.echo(f"{asset:<8} {_amount(held['free']):>24} free {_amount(held['locked']):>24} locked")
    for order in told["orders"]:
        if order["status"] in ("NEW", "PARTIALLY_FILLED", "PENDING_NEW"):
            click.echo(_line(order))
    click.echo(f"{len(told['orders']):,} orders and {len(told['fills']):,} fills since it was opened", err=True)


def _line(order: dict[str, Any]) -> str:
    side = "BUY" if order["is_buy"] else "SELL"
    prices = [f"at {_amount(order['price'])}"] if order["price"] else []
    prices += [f"stop {_amount(order['stop'])}"] if order["stop"] else []
    filled = f"{_amount(order['filled'])} of {_amount(order['qty'])} filled"
    return f"order {order['id']} {order['symbol']} {side} {order['kind']} {' '.join(prices)} {filled}"


def _amount(units: int) -> str:
    from exec_plugin.core.units import short_text

    return short_text(units)


@account.command()
@click.argument("name")
@_URL
@_MARKET
def export(name: str, db_url: str | None, market: str | None) -> None:
    """Print all of an account as JSON; amounts and prices are whole numbers of 1e-8."""
    from exec_plugin.journal.looking import exported, look

    with _looking(db_url) as store:
        seen = look(store, _find(store, name, market))
    _complain(seen.problems)
    click.echo(json.dumps(exported(seen)))


@account.command()
@click.argument("name")
@_URL
@_MARKET
@click.confirmation_option(prompt="Remove the account with all its orders and fills?")
def reset(name: str, db_url: str | None, market: str | None) -> None:
    """Remove an account; the next who opens it starts anew."""
    from exec_plugin.journal import open_store

    store = open_store(_url(db_url))
    assert store is not None  # noqa: S101 - _url refuses memory
    try:
        row = _find(store, name, market)
        store.claim(row, "exec-plugin account reset")
        store.forget(row.id)
    finally:
        store.close()
    click.echo(f"{name} is removed", err=True)


@account.command()
@click.argument("names", nargs=-1)
@_URL
def verify(names: tuple[str, ...], db_url: str | None) -> None:
    """
    Check that nothing is missing or damaged, and that all adds up: of all accounts, or of those named.

    Problems are printed, and the exit code is 1.
    """
    from exec_plugin.journal.looking import look
    from exec_plugin.journal.looking import verify as check

    with _looking(db_url) as store:
        problems = [f"{store.where}: {problem}" for problem in store.backend.check()]
        rows = [row for row in store.rows() if not names or row.name in names]
        for row in rows:
            problems += [f"{row.name}: {problem}" for problem in check(look(store, row))]
    for problem in problems:
        click.echo(problem)
    if problems:
        raise SystemExit(1)
    click.echo(f"{len(rows)} accounts are whole and add up", err=True)


@account.command()
@_URL
@click.option("--output", required=True, type=click.Path(path_type=Path), help="A file that is not there yet.")
def repair(db_url: str | None, output: Path) -> None:
    """
    Write what is whole of a damaged database into a new file; the damaged one is left as it is.

    Without a name for it nothing is written. Give the new file as --db-url, or put it in the place of the old one.
    """
    from exec_plugin.core.errors import ConfigError
    from exec_plugin.journal import open_store
    from exec_plugin.journal.repair import repair as rescue

    if output.exists():
        msg = f"{output} is there already: name another file"
        raise ConfigError(msg)
    with _looking(db_url) as damaged:
        fresh = open_store(f"sqlite:///{output}")
        assert fresh is not None  # noqa: S101 - a file's name is no memory
        try:
            for told in rescue(damaged, fresh):
                click.echo(told)
            click.echo(f"{len(fresh.rows())} accounts are in {output}", err=True)
        finally:
            fresh.close()


@contextmanager
def _looking(db_url: str | None) -> Iterator[Store]:
    """The database, to look at."""
    from exec_plugin.journal import open_store

    store = open_store(_url(db_url), read_only=True)
    assert store is not None  # noqa: S101 - _url refuses memory
    try:
        yield store
    finally:
        store.close()


def _url(given: str | None) -> str:
    from exec_plugin.core.errors import ConfigError
    from exec_plugin.journal import check_url, default_url, is_memory

    try:
        url = given or default_url()
    except RuntimeError as error:
        msg = f"{error} Name a folder in EXEC_PLUGIN_HOME, or a file with --db-url"
        raise ConfigError(msg) from error
    if is_memory(check_url(url)):
        raise ConfigError("accounts in memory are seen by their own process only: name a file or a server")
    return url


def _find(store: Store, name: str, market: str | None) -> Row:
    from exec_plugin.core.errors import ConfigError

    found = [row for row in store.rows() if row.name == name and market in (None, row.venue)]
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"there is a {name!r} on each of {', '.join(row.venue for row in found)}: choose with --market"
        raise ConfigError(msg)
    listed = ", ".join(sorted({row.name for row in store.rows()}))
    raise ConfigError(f"no account {name!r} in {store.where}; " + (f"there are {listed}" if listed else "it is empty"))


def _complain(problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"damaged: {problem}", err=True)
