"""``exec-plugin demo``: a grid bot on ccxt trades on a paper market, and its result is printed."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exec_plugin.core.clock import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from click._termui_impl import ProgressBar

    from exec_plugin.cli.stage import Speed
    from exec_plugin.report import Result

EXAMPLES = """\b
Examples:
  exec-plugin demo
  exec-plugin demo --symbol ETH/USDT --seed 7 --duration 12h
  exec-plugin demo --recording ethusdt.gz --spacing 0.03 --report result.html
  exec-plugin demo --bot my_bot.py --balance USDT=5000

A bot is a file with `async def run(exchange, symbol)`. It pauses with `await exchange.sleep(ms)`, which is what lets
time pass on the market, and ends when it is cancelled.
"""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
#: How long the synthetic market is played, which has no end of its own.
SYNTHETIC_DURATION = 4 * HOUR
#: Share of the price between the grid's orders on a recording: captures last minutes, in which prices hardly move.
CAPTURE_SPACING = 0.0005
#: More than this and a grid has prices below zero or beyond all filters.
WIDEST = 0.5
_PERCENT = 100


def read_duration(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int:
    """A time such as ``90s``, ``45m``, ``4h`` or ``2d`` in ms; 0 when there is none."""
    if text is None:
        return 0
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None or not int(found[1]):
        msg = f"{text!r} is not a time such as 90s, 45m, 4h or 2d"
        raise click.BadParameter(msg)
    return int(found[1]) * _UNITS[found[2]]


def read_balances(_ctx: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    """Amounts such as ``USDT=5000`` by asset."""
    balances: dict[str, str] = {}
    for text in texts:
        found = re.fullmatch(r"([A-Za-z0-9]+)=(\d{1,12}(?:\.\d{1,8})?)", text)
        if found is None:
            msg = f"{text!r} is not an amount such as USDT=5000 or BTC=0.5, of 0 or more with at most 8 decimals"
            raise click.BadParameter(msg)
        if found[1].upper() in balances:
            msg = f"{found[1].upper()} is given twice"
            raise click.BadParameter(msg)
        balances[found[1].upper()] = found[2]
    return balances


def read_spacing(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """Percent as a share."""
    if text is None:
        return None
    found = re.fullmatch(r"\d{1,2}(?:\.\d{1,8})?", text)
    if found is None or not 0 < (share := float(text) / _PERCENT) <= WIDEST:
        msg = f"{text!r} is not a number of percent above 0 and up to {WIDEST * _PERCENT:.0f}"
        raise click.BadParameter(msg)
    return share


_BALANCE = "What the account starts with; repeatable. Default: 10000 in quote, half of it spent on base."
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=EXAMPLES, short_help="Let a grid bot trade on paper and print its result.")
@click.option("--recording", type=_FILE, help="Play this recorded market; by default a synthetic one is made up.")
@click.option("--symbol", help="What to trade: BTCUSDT or BTC/USDT. Default: the recording's own.")
@click.option("--balance", "balances", metavar="ASSET=AMOUNT", multiple=True, callback=read_balances, help=_BALANCE)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another synthetic market.")
@click.option("--speed", default="max", show_default=True, help="max, real, or a factor such as 60.")
@click.option(
    "--duration",
    metavar="TIME",
    callback=read_duration,
    help="Of the market's time. Default: 4h, or the whole recording.",
)
@click.option("--levels", type=click.IntRange(1, 90), help="Orders of the grid on each side. Default: 5.")
@click.option(
    "--spacing",
    metavar="PERCENT",
    callback=read_spacing,
    help="Percent from one order to the next. Default: 0.25, on a recording 0.05.",
)
@click.option("--on-bad", type=click.Choice(["raise", "skip"]), help="What to do about a recording's unreadable lines.")
@click.option("--bot", "bot_file", type=_FILE, help="Play this bot instead of the grid bot.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page with the result.")
def demo(report: Path | None, bot_file: Path | None, **given: Any) -> None:
    """
    Let a small grid bot, written against plain ccxt, trade on a paper market and print what came of it.

    The same seed and options print the same result, but for the line that tells the speed.
    """
    # help and completion need none of these
    import exec_plugin
    from exec_plugin.cli.bots import check_arguments, load_bot
    from exec_plugin.cli.stage import Stage
    from exec_plugin.report import text

    exec_plugin.install()
    if report is not None:
        _check_writable(report)
    bot = load_bot(bot_file)
    arguments = _bot_arguments(given, is_grid=bot_file is None)
    check_arguments(bot, arguments)
    stage = Stage(_paper_options(given), given["duration"] or (0 if given["recording"] else SYNTHETIC_DURATION))
    heard = bot_file is not None or click.get_current_context().find_root().params["verbose"] > 0
    with _progress(stage.venue.now, stage.duration) as on_move, _bot_output(heard=heard):
        result, speed = stage.play(bot, arguments, on_move)
    click.echo(text(result))
    click.echo(f"{'Market rows':<16}{speed.rows}\n{'Speed':<16}{_speed(speed)}")
    if report is not None:
        _write(report, result)


def _paper_options(given: dict[str, Any]) -> dict[str, Any]:
    """The command's options as those of a paper account."""
    options: dict[str, Any] = {"seed": given["seed"], "speed": given["speed"]}
    if given["recording"]:
        options["recording"] = str(given["recording"])
    if given["symbol"]:
        options["symbols"] = [given["symbol"]]
    if given["balances"]:
        options["balances"] = given["balances"]
    if given["on_bad"]:
        options["on_bad"] = given["on_bad"]
    return options


def _bot_arguments(given: dict[str, Any], *, is_grid: bool) -> dict[str, object]:
    """What is asked of the bot; the rest is its own default."""
    spacing = given["spacing"]
    if spacing is None and is_grid and given["recording"]:
        spacing = CAPTURE_SPACING
    wanted = {"levels": given["levels"], "spacing": spacing}
    return {name: value for name, value in wanted.items() if value is not None}


def _speed(speed: Speed) -> str:
    seconds = max(speed.seconds, 1e-9)
    rates = f"{speed.rows / seconds:,.0f} rows/s, {speed.events / seconds:,.0f} events/s"
    return f"{rates} ({speed.events:,} events in {seconds:.2f} s)"


@contextlib.contextmanager
def _progress(start: int, duration: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where somebody can see it; a recording's length is known only at its end."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar: ProgressBar[int]
    # click takes the length from what it is given to go through, when it is not told
    length = duration // SECOND or None
    with click.progressbar(count(), length, "Trading", show_pos=not length, file=sys.stderr) as bar:
        shown = 0

        def on_move(now: int) -> None:
            nonlocal shown
            passed = (now - start) // SECOND
            # drawing costs more than trading: twice a minute of the market's time is enough
            if passed >= shown + 30:
                bar.update(passed - shown)
                shown = passed

        yield on_move


@contextlib.contextmanager
def _bot_output(*, heard: bool) -> Iterator[None]:
    """Keep what a bot prints out of stdout, which is the result's."""
    if heard:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _check_writable(path: Path) -> None:
    """Fail before a long run rather than after it."""
    from exec_plugin.core.errors import ConfigError

    if not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        msg = f"--report {path} cannot be written: is its folder there and yours?"
        raise ConfigError(msg)


def _write(path: Path, result: Result) -> None:
    from exec_plugin.report import page

    path.write_text(page(result), encoding="utf-8")
    click.echo(f"report: {path}", err=True)
