"""What a handler acts on: the venue and, for signed requests, the caller's account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exec_plugin.core.ledger import Account, Desk
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.candles import CandleStore
    from exec_plugin.protocol.gateway import Gateway


class Context:
    """One request's view of the exchange; ``account`` is only there for signed requests."""

    __slots__ = ("_account", "gateway", "venue")

    def __init__(self, gateway: Gateway, account: Account | None) -> None:
        self.gateway = gateway
        self.venue: Venue = gateway.venue
        self._account = account

    @property
    def now(self) -> int:
        """The venue's time in ms."""
        return self.venue.now

    @property
    def account(self) -> Account:
        """The account of the caller."""
        if self._account is None:
            msg = "a public endpoint asked for an account"
            raise TypeError(msg)
        return self._account

    @property
    def rate_limits(self) -> Sequence[dict[str, Any]]:
        """The entries of ``exchangeInfo.rateLimits``."""
        return self.gateway.limits.entries

    @property
    def exchange_filters(self) -> Sequence[Mapping[str, Any]]:
        """The entries of ``exchangeInfo.exchangeFilters``."""
        return self.venue.rules.filters

    def desk(self, symbol: str) -> Desk:
        """The caller's desk for a symbol; -1121 when it is not listed."""
        return self.account.desk(self.venue.market(symbol).symbol)

    def candles(self, symbol: str) -> CandleStore:
        """The candles of a symbol."""
        return self.gateway.candles(symbol)

    def book_id(self, symbol: str) -> int:
        """The id of a symbol's book, which the caller shows to somebody."""
        return self.gateway.streams.book(symbol).show()

    def new_client_id(self) -> str:
        """An id for a request that came without one."""
        return self.gateway.new_client_id()
