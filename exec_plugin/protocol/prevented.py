"""The account's prevented matches (rest-api.md, Query Prevented Matches; faqs/stp_faq.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.orders import row_limit
from exec_plugin.protocol.render import prevented_match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.context import Context

#: Which optional parameters may come together.
_COMBINATIONS = frozenset((
    frozenset(("preventedMatchId",)),
    frozenset(("orderId",)),
    frozenset(("orderId", "fromPreventedMatchId")),
    frozenset(("orderId", "fromPreventedMatchId", "limit")),
))  # fmt: skip


def matches(context: Context, params: dict[str, Any]) -> list[dict[str, Any]]:
    """One prevented match, or those of an order, as taker or maker, oldest first."""
    found = context.desk(params["symbol"]).prevented_matches
    if frozenset(params) - {"symbol"} not in _COMBINATIONS:
        raise RequestRejected(
            -1128,
            "Combination of optional parameters invalid.",
            "send preventedMatchId, or orderId with or without fromPreventedMatchId and its limit",
        )
    if "preventedMatchId" in params:
        return [prevented_match(match) for match in found if match.id == params["preventedMatchId"]]
    order_id, start = params["orderId"], params.get("fromPreventedMatchId", 0)
    mine = [match for match in found if order_id in (match.taker_id, match.maker_id) and match.id >= start]
    return [prevented_match(match) for match in mine[: row_limit(params)]]


HANDLERS: Mapping[str, Callable[[Context, dict[str, Any]], Any]] = {"myPreventedMatches": matches}
