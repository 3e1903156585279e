"""A result as one HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from exec_plugin.report.text import figures, moment, money, period, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from exec_plugin.report.result import Deal, Result

#: The drawing's size and the room around its lines.
WIDTH, HEIGHT, MARGIN = 900, 280, 12
#: The table shows the latest deals only: browsers choke on very long tables.
MOST_DEALS = 2000

_STYLE = """
:root { color-scheme: light dark; --bot: #2a78d6; --hold: #8a8a86; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; }
svg { width: 100%; height: auto; border: 1px solid var(--line); }
polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
.bot { stroke: var(--bot); color: var(--bot); } .hold { stroke: var(--hold); color: var(--hold); }
"""
_HEADS = ("Time (UTC)", "Order", "Side", "Role", "Price", "Quantity", "Value", "Commission")
_TEXT_COLUMNS = 4


def page(result: Result) -> str:
    """The page's HTML."""
    title = f"{result.base}/{result.quote} paper trading"
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in figures(result))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n<p>{escape(period(result))}</p>\n"
        f"<table>{rows}</table>\n<h2>Equity</h2>\n{_drawing(result)}\n<h2>Trades</h2>\n{_trades(result)}\n</body></html>\n"
    )


def _drawing(result: Result) -> str:
    """The account's worth over time, and beside it what buying at the start and holding would be worth."""
    times = [point.time for point in result.curve]
    equity = [point.equity for point in result.curve]
    hold = [_held(result, point.price) for point in result.curve]
    low, high = min(*equity, *hold), max(*equity, *hold)
    lines = "".join(
        f'<polyline class="{name}" points="{_points(times, values, low, high)}"/>'
        for name, values in (("hold", hold), ("bot", equity))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="equity over time">{lines}</svg>\n'
        f'<p><span class="bot">&#9644; the bot</span> <span class="hold">&#9644; buy and hold</span>, '
        f"from {money(result, low)} to {money(result, high)} {escape(result.quote)}</p>"
    )


def _held(result: Result, price: Decimal) -> Decimal:
    return result.equity_start * price / result.price_start if result.price_start else result.equity_start


def _points(times: Sequence[int], values: Iterable[Decimal], low: Decimal, high: Decimal) -> str:
    first, duration, span = times[0], max(times[-1] - times[0], 1), high - low
    wide, tall = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN

    def place(time: int, value: Decimal) -> str:
        across = MARGIN + wide * (time - first) / duration
        # an account that nothing happened to is a line across the middle
        down = HEIGHT / 2 if not span else MARGIN + tall * float((high - value) / span)
        return f"{across:.1f},{down:.1f}"

    return " ".join(map(place, times, values))


def _trades(result: Result) -> str:
    if not result.deals:
        return "<p>None.</p>"
    shown = result.deals[-MOST_DEALS:]
    left_out = len(result.deals) - len(shown)
    note = f"<p>The latest {len(shown)}; {left_out} earlier ones are left out.</p>\n" if left_out else ""
    heads = "".join(f"<th{_number(column)}>{name}</th>" for column, name in enumerate(_HEADS))
    return f"{note}<table><tr>{heads}</tr>\n" + "\n".join(_row(result, deal) for deal in shown) + "</table>"


def _row(result: Result, deal: Deal) -> str:
    cells = (
        moment(deal.time),
        str(deal.order_id),
        "buy" if deal.is_buyer else "sell",
        "maker" if deal.is_maker else "taker",
        plain(deal.price),
        plain(deal.quantity),
        money(result, deal.value),
        f"{plain(deal.commission)} {deal.commission_asset}",
    )
    return "<tr>" + "".join(f"<td{_number(column)}>{escape(cell)}</td>" for column, cell in enumerate(cells)) + "</tr>"


def _number(column: int) -> str:
    return ' class="n"' if column >= _TEXT_COLUMNS else ""
