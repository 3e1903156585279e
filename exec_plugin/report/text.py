"""A result in words, for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exec_plugin.report.result import Result

#: How many digits a money amount shows, where it has that many.
DIGITS = 7


def text(result: Result) -> str:
    """The figures of a result, a line each."""
    rows = [f"{label:<16}{value}" for label, value in figures(result)]
    return "\n".join([f"{result.base}/{result.quote}, {period(result)}", "", *rows])


def figures(result: Result) -> list[tuple[str, str]]:
    """The figures of a result with their names, as both faces show them."""
    quote = result.quote
    return [
        ("Orders", _orders(result)),
        ("Fills", _fills(result)),
        ("Fees", ", ".join(f"{plain(paid)} {asset}" for asset, paid in result.fees.items()) or "none"),
        ("Realized P&L", f"{money(result, result.realized_pnl, signed=True)} {quote}"),
        ("Unrealized P&L", f"{money(result, result.unrealized_pnl, signed=True)} {quote}"),
        ("Equity", f"{money(result, result.equity_start)} to {money(result, result.equity_end)} {quote}"),
        ("Equity change", percent(result.equity_change)),
        ("Buy and hold", f"{percent(result.price_change)}, the bot {_against(result, result.price_change)}"),
        ("No trading", f"{percent(result.held_change)}, the bot {_against(result, result.held_change)}"),
    ]


def period(result: Result) -> str:
    """When it was and how long it took, in the market's time."""
    taken = timedelta(milliseconds=result.end - result.start)
    return f"{moment(result.start)} to {moment(result.end)} UTC ({str(taken).partition('.')[0]})"


def moment(time: int) -> str:
    """A time in ms, in UTC to the second."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def plain(value: Decimal) -> str:
    """An amount with all its digits, without trailing zeros and exponent."""
    return format(value.normalize(), "f")


def money(result: Result, value: Decimal, *, signed: bool = False) -> str:
    """An amount of quote, with as many decimals as the account's size makes sensible."""
    decimals = min(max(2, DIGITS - len(str(int(result.equity_start)))), 8)
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return format(rounded + 0, "+f" if signed else "f")


def percent(value: Decimal) -> str:
    """A change in percent."""
    return f"{value.quantize(Decimal('0.001')) + 0:+f} %"


def _orders(result: Result) -> str:
    counts = ", ".join(
        f"{result.orders[status]} {status.replace('_', ' ').lower()}" for status in sorted(result.orders)
    )
    return f"{result.placed}" + (f": {counts}" if counts else "")


def _fills(result: Result) -> str:
    makers = sum(deal.is_maker for deal in result.deals)
    bought, sold = (plain(result.total(is_buyer=side)) for side in (True, False))
    return f"{len(result.deals)}, {makers} of them as maker; bought {bought}, sold {sold} {result.base}"


def _against(result: Result, other: Decimal) -> str:
    return f"{percent(result.equity_change - other)}"
