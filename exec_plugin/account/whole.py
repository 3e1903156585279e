"""What is done to an exchange's accounts is done as a whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    from exec_plugin.account.house import PaperExchange


class Whole:
    """
    Has what is done to an exchange's accounts, under its lock, taken back if it does not come to its end.

    Errors of our own are told before anything is done; any other one, and Ctrl-C, may come in the middle. The lock itself
    is held by a ``with`` of its own, which Ctrl-C cannot leave it held by.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> None:
        """Nothing is done yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and not isinstance(error, ExecPluginError):
            self._exchange.take_back(error)
