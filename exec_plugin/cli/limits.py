"""``exec-plugin limits``: how much of the exchange's budget is used, by all who share it."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES = """\b
Examples:
  exec-plugin limits
  exec-plugin limits --watch
  exec-plugin limits --host testnet.binance.vision --json
  exec-plugin limits --store redis://10.0.0.5:6379/0
"""

HOST = "api.binance.com"
BAR = 30
_NAMES = {"weight": "weight", "raw_requests": "requests"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@click.command(epilog=EXAMPLES, short_help="Show how much of the exchange's limits is used.")
@click.option("--host", default=HOST, show_default=True, help="Whose budget; several hosts have several.")
@click.option("--account", default="default", show_default=True, help="Whose orders, as the limiter names the account.")
@click.option("--store", metavar="URL", help="A file or redis://...; by default this machine's shared file.")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds between, with --watch."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line each time.")
def limits(host: str, account: str, store: str | None, interval: float, *, watch: bool, as_json: bool) -> None:
    """
    Show how much of the exchange's limits is used by all processes that share its budget.

    Looking spends nothing and asks the exchange nothing.
    """
    budget = Budget(host, account, store)
    pause = Event()
    try:
        while True:
            status = budget.status()
            text = json.dumps(status) if as_json else "\n".join(lines(status, budget.where))
            if watch and not as_json and sys.stdout.isatty():
                click.clear()
            click.echo(text)
            if not watch:
                return
            if not as_json and not sys.stdout.isatty():
                click.echo()
            pause.wait(interval)
    except KeyboardInterrupt:
        # that is how a watch ends
        return
    finally:
        budget.close()


class Budget:
    """A budget that is looked at; its file is not made by looking."""

    def __init__(self, host: str, account: str, store: str | None) -> None:
        from exec_plugin.core.errors import ConfigError
        from exec_plugin.limit_store import state_path

        if store == "memory":
            raise ConfigError("--store memory: such a budget is seen by its own process only; name a file or redis://")
        self._host, self._account, self._store = host, account, store
        try:
            self._file = None if store and "://" in store else Path(store or state_path(host))
        except RuntimeError as error:
            raise ConfigError(
                f"{error} Without one no budget is shared; name its file with --store, or a folder in EXEC_PLUGIN_HOME"
            ) from error
        self._limiter: Any = None

    @property
    def where(self) -> str:
        """Where it is kept, without a password."""
        from exec_plugin.limit_store.redis_link import masked

        return masked(self._store or "") if self._file is None else str(self._file)

    def status(self) -> dict[str, Any]:
        """What the limiter says; without a budget, no buckets."""
        if self._limiter is None:
            if self._file and not self._file.exists():
                return {"host": self._host, "account": self._account, "buckets": {}}
            self._open()
        status: dict[str, Any] = self._limiter.get_status()
        return status

    def close(self) -> None:
        """Let go of it."""
        if self._limiter is not None:
            self._limiter.close()

    def _open(self) -> None:
        from exec_plugin.core.errors import ConfigError
        from exec_plugin.rate_limit import AdaptiveRateLimiter

        self._limiter = AdaptiveRateLimiter(host=self._host, account=self._account, store=self._store)
        if not getattr(self._limiter.store, "is_shared", True):
            raise ConfigError(f"--store {self.where}: nobody answers there; is Redis running?")


def lines(status: Mapping[str, Any], where: str) -> Iterator[str]:
    """A status for people."""
    yield f"{status['host']}  ({where})"
    if not status["buckets"]:
        yield "no budget yet: no limiter has spent anything here; it appears with the first request"
        return
    for name, bucket in status["buckets"].items():
        yield _window(name, bucket)
    yield f"{'blocked':<12}{_blocked(status)}"
    if strangers := status["buckets"]["weight"].get("strangers"):
        yield f"{'strangers':<12}{strangers:,.0f} of this weight was spent by others on the same IP"
    if status["waiting"]:
        yield f"{'waiting':<12}{status['waiting']:,}"
    if status["factor"] < 1:
        yield f"{'factor':<12}{status['factor']:.0%} of the windows is used, after errors"
    report = status["last_report"]
    yield f"{'last answer':<12}{'none yet' if report is None else f'{_time(report)} ago'}"


def _window(name: str, bucket: Mapping[str, float]) -> str:
    used, limit, flight = bucket["used"], bucket["capacity"], bucket["in_flight"]
    counts = f"{used:>7,.0f} of {limit:>7,.0f}  {used / limit:>4.0%}"
    return f"{_name(name):<12}{_bar(used, flight, limit)} {counts}  {flight:,.0f} in flight, resets in {_time(bucket['resets_in'])}"


def _name(name: str) -> str:
    if not name.startswith("orders_"):
        return _NAMES.get(name, name)
    return f"orders {_time(float(name.removeprefix('orders_').removesuffix('s')))}"


def _bar(used: float, flight: float, limit: float) -> str:
    try:
        "█▒░".encode(sys.stdout.encoding or "ascii")
        full, sent, free = "█▒░"
    except UnicodeEncodeError:
        full, sent, free = "#+."
    solid = min(int(BAR * used / limit + 0.5), BAR)
    both = min(int(BAR * (used + flight) / limit + 0.5), BAR)
    return full * solid + sent * (both - solid) + free * (BAR - both)


def _blocked(status: Mapping[str, Any]) -> str:
    told = []
    if status["blocked_for"]:
        told.append(f"{_until(status['blocked_for'])}{', banned' if status['banned'] else ''}")
    if status["orders_blocked_for"]:
        told.append(f"orders {_until(status['orders_blocked_for'])}")
    return "; ".join(told) or "no"


def _until(seconds: float) -> str:
    end = datetime.fromtimestamp(time.time()).astimezone() + timedelta(seconds=seconds)
    return f"until {end:%Y-%m-%d %H:%M:%S} (for {_time(seconds)})"


def _time(seconds: float) -> str:
    """The two largest units: 1m 5s."""
    left, found = round(seconds), []
    for size, unit in _UNITS:
        if left >= size:
            found.append(f"{left // size}{unit}")
            left %= size
    return " ".join(found[:2]) or "0s"
