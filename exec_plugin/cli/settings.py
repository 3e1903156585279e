"""``exec-plugin config``: the merged settings, and where each comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exec_plugin.config import Config

EXAMPLES = """\b
Examples:
  exec-plugin config
  exec-plugin config --json
  EXEC_PLUGIN__PAPER__SEED=7 exec-plugin config
"""

DEFAULT = "default"


class Row(NamedTuple):
    """One setting."""

    name: str
    value: Any
    origin: str


@click.command(epilog=EXAMPLES, short_help="Show the merged settings, and where each comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config(*, as_json: bool) -> None:
    """
    Show the settings as they are here, merged from environment, file and defaults, and where each comes from.

    Keys and secrets are masked. A setting that is unknown or wrong is told, with the nearest that is right.
    """
    from exec_plugin.config import read_config

    merged = read_config()
    check(merged)
    rows = [*_rows(merged)]
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2, default=str))
        return
    names, values = ([str(text) for text in texts] for texts in ([r.name for r in rows], [_shown(r) for r in rows]))
    wide, wider = max(map(len, names)), min(max(map(len, values)), 44)
    for row, value in zip(rows, values, strict=True):
        click.echo(f"{row.name:<{wide}}  {value:<{wider}}  {row.origin}")


def check(merged: Config) -> None:
    """
    Read every table as those do whose settings they are.

    Raises:
        ConfigError: for the first mistake.
    """
    from exec_plugin.account import Settings
    from exec_plugin.binance.plugin import client_config, limit_options

    Settings.read(merged.table("paper"))
    for name in merged.table("accounts"):
        Settings.read(merged.account(None, name)[1])
    client_config(merged.table("binance"))
    limit_options(merged.table("limits"))


def _rows(merged: Config) -> Iterator[Row]:
    for name, value in _defaults().items():
        told = [path for path in merged.origins if _below(path, name)]
        if not told:
            yield Row(".".join(name), value, DEFAULT)
        for path in told:
            yield _row(merged, path)
    for path in merged.origins:
        if not any(_below(path, name) for name in _defaults()):
            yield _row(merged, path)


def _row(merged: Config, path: tuple[str, ...]) -> Row:
    from exec_plugin.config import masked

    value: Any = merged.values
    for name in path:
        value = value[name]
    return Row(".".join(path), masked(path[-1], value), merged.origins[path])


def _below(path: tuple[str, ...], above: tuple[str, ...]) -> bool:
    return path[: len(above)] == above


def _defaults() -> Mapping[tuple[str, ...], Any]:
    """Every setting that has a default, by its path."""
    from attrs import fields

    from exec_plugin.account import Settings
    from exec_plugin.binance.config import BinanceConfig
    from exec_plugin.binance.plugin import PLACES
    from exec_plugin.rate_limit import RateLimitConfig

    made: dict[str, Any] = {"paper": Settings(), "binance": BinanceConfig(), "limits": RateLimitConfig()}
    found: dict[tuple[str, ...], Any] = {("plugins",): [], ("block",): [], ("strict",): False}
    found |= {("limits", name): None for name in PLACES}
    for section, values in made.items():
        found |= {(section, each.name): _plain(getattr(values, each.name)) for each in fields(type(values))}
    return found


def _plain(value: Any) -> Any:
    """A value as it would be written in a file."""
    from exec_plugin.core.fill_models import UniformLatency

    if isinstance(value, UniformLatency):
        return {"min_ms": value.min_ms, "max_ms": value.max_ms}
    return list(value) if isinstance(value, tuple) else value


def _shown(row: Row) -> str:
    return "-" if row.value is None else json.dumps(row.value, default=str, ensure_ascii=False)
