"""The account's prevented matches (rest-api.md, Query Prevented Matches; faqs/stp_faq.md)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.orders import row_limit
from exec_plugin.protocol.render import prevented_match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.context import Context

_id, _time = attrgetter("id"), attrgetter("time")
#: Which optional parameters may come together.
_COMBINATIONS = frozenset((
    frozenset(("preventedMatchId",)),
    frozenset(("orderId",)),
    frozenset(("orderId", "fromPreventedMatchId")),
    frozenset(("orderId", "fromPreventedMatchId", "limit")),
))  # fmt: skip


def matches(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """One prevented match, or those of an order, as taker or maker, oldest first."""
    desk = context.desk(params["symbol"])
    found = desk.prevented_matches
    if frozenset(params) - {"symbol"} not in _COMBINATIONS:
        raise RequestRejected(
            -1128,
            "Combination of optional parameters invalid.",
            "send preventedMatchId, or orderId with or without fromPreventedMatchId and its limit",
        )
    if "preventedMatchId" in params:
        wanted = params["preventedMatchId"]
        at = bisect_left(found, wanted, key=_id)
        return [prevented_match(match) for match in found[at : at + 1] if match.id == wanted]
    order = desk.find(params["orderId"] or -1)
    if order is None:
        return []
    # an order that self-trade prevention took nothing from does not tell when it met its last one
    low = bisect_left(found, order.time, key=_time)
    high = len(found) if order.is_open else bisect_right(found, order.updated, key=_time)
    start = params.get("fromPreventedMatchId", 0)
    mine = (
        match
        for match in found.walk(max(low, bisect_left(found, start, key=_id)), high)
        if order.id in (match.taker_id, match.maker_id)
    )
    return [prevented_match(match) for match in islice(mine, row_limit(params))]


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {"myPreventedMatches": matches}
