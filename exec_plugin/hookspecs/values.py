"""The values that hooks take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.models import Order

    Factory = Callable[[Mapping[str, Any]], Any]

#: What a model that a plugin makes can be.
KINDS = ("slippage", "fee", "latency", "queue")


@frozen
class ExchangeSpec:
    """
    An exchange that a host may name.

    Args:
        name: as it stands in a host's configuration, and as ccxt calls it.
        make_client: makes the typed client from a host's configuration.
        sync, aio, pro: make the exchange as an instance of ccxt's three namespaces; None where there is none.
    """

    name: str
    make_client: Factory
    sync: Factory | None = None
    aio: Factory | None = None
    pro: Factory | None = None


@frozen
class OrderEvent:
    """
    Something happened to an order of a paper account.

    Args:
        account: whose.
        kind: as in Binance's execution reports: NEW, CANCELED, REPLACED, TRADE, EXPIRED or TRADE_PREVENTION.
        order: as it stood then; its id is the exchange's.
        time: of the venue, in ms.
        reason: why it expired, where it did.
    """

    account: str
    kind: str
    order: Order
    time: int
    reason: str = ""


@frozen
class RequestRecord:
    """
    One request to an exchange and its answer; no key, signature or parameter is in it.

    Args:
        exchange: ccxt's id.
        method, endpoint: such as ``GET`` and ``/api/v3/depth``; the endpoint is ccxt's path where it is not Binance's.
        weight: what it costs of the budget.
        orders: how many orders it places.
        status: of HTTP; 0 when no answer came.
        used_weight: what the exchange says was used of this minute; None where it says nothing.
        waited: seconds that the limiter held it back.
        retry_after: seconds that the exchange asks to be silent for; None where it does not.
    """

    exchange: str
    method: str
    endpoint: str
    weight: float
    orders: int = 0
    status: int = 0
    used_weight: int | None = None
    waited: float = 0.0
    retry_after: float | None = None

    @property
    def refused(self) -> bool:
        """Whether the exchange refused it for its limits: 429, or 418 when it has banned the address."""
        return self.status in _REFUSALS


_REFUSALS = (429, 418)
