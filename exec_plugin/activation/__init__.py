"""
Turning the plugin on in a process whose own code knows nothing of it; standard library only.

Three ways lead here: the launcher's ``sitecustomize`` (``exec-plugin run``), the start-up file of an environment
(``exec-plugin enable``) and ``import exec_plugin.auto``. Whatever fails is told on stderr and the host goes on, with one
exception: a host that was to trade on paper gets no ccxt rather than a real exchange.
"""

from __future__ import annotations

import os
import sys

# typing and contextlib would cost each start of an interpreter 14 ms
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "MODES",
    "OFF",
    "PAPER",
    "REGISTER",
    "THROTTLE",
    "State",
    "activate",
    "active",
    "deactivate",
    "guarded",
    "startup",
]

#: Environment: a mode that wins over all others, or 0 for none, whatever else asks for one.
AUTO = "EXEC_PLUGIN_AUTO"
#: Environment: the file with settings.
CONFIG = "EXEC_PLUGIN_CONFIG"
#: Environment: 1 to end the host where the plugin cannot be turned on.
STRICT = "EXEC_PLUGIN_STRICT"

OFF = "0"
REGISTER, PAPER, THROTTLE = "register", "paper", "throttle"
#: A mode -> what it does, for people.
MODES = {
    REGISTER: "binancepaper is among ccxt's exchanges",
    PAPER: "binance itself is the paper exchange",
    THROTTLE: "binance is real, its requests keep to the budget that this machine shares",
}


class State:
    """How the plugin is on in this process: what it does, and who has asked for it."""

    def __init__(self, mode: str, way: str) -> None:
        self.mode = mode
        self.way = way


_state: State | None = None


def active() -> State | None:
    """How the plugin is on in this process, None where it is not."""
    return _state


def activate(mode: str = REGISTER, *, way: str = "activate()") -> None:
    """
    Turn the plugin on, now and for what is imported later; may be called again, also with more than before.

    Args:
        mode: one of ``MODES``; ``EXEC_PLUGIN_AUTO`` wins over it.
        way: who asks, for ``exec-plugin status``.
    """
    wanted = os.environ.get(AUTO) or mode
    if wanted == OFF:
        return
    with guarded(wanted):
        _activate(wanted, way)


def _activate(wanted: str, way: str) -> None:
    global _state  # noqa: PLW0603  a process is activated once
    if wanted not in MODES:
        raise ValueError(f"{wanted!r} is no mode; known are {', '.join(MODES)}, and {OFF} in {AUTO} for none")
    if _state is not None and wanted in (REGISTER, _state.mode):
        return
    if _state is not None and _state.mode != REGISTER:
        raise ValueError(f"mode {_state.mode!r} is on by {_state.way}; {wanted!r} cannot be on as well")
    if wanted == PAPER and "ccxt" in sys.modules:
        raise ImportError("ccxt was imported first, and what was taken from it is real; activate before that")
    from exec_plugin.ccxt_exchange import registry

    _state = State(wanted, way)
    registry.hook(_arrived)


def _arrived(namespace: str) -> None:
    """Ccxt has imported a namespace."""
    if _state is None:
        return
    with guarded(_state.mode):
        if _state.mode == PAPER:
            from exec_plugin.ccxt_exchange import stand_in

            stand_in.replace(namespace)
            return
        from exec_plugin.ccxt_exchange import registry

        if registry.register(namespace) and _state.mode == THROTTLE:
            from exec_plugin.activation import throttling

            throttling.wrap(namespace)


def deactivate() -> None:
    """Turn the plugin off again; exchanges and classes in use stay what they are."""
    global _state  # noqa: PLW0603  as above
    from exec_plugin.activation import throttling
    from exec_plugin.ccxt_exchange import registry, stand_in

    _state = None
    stand_in.restore()
    throttling.unwrap()
    registry.uninstall()


def startup(mode: str, way: str, config: str = "") -> None:
    """
    Turn the plugin on while an interpreter starts, whose own code has not begun.

    Raises:
        SystemExit: only with ``EXEC_PLUGIN_STRICT=1``.
    """
    if config:
        os.environ.setdefault(CONFIG, config)
    try:
        activate(mode, way=way)
    except Exception as error:
        if os.environ.get(STRICT) == "1":
            raise SystemExit(2) from error
        # an import of ccxt now fails: no exchange rather than a real one
        sys.modules["ccxt"] = None  # type: ignore[assignment]


class guarded:  # noqa: N801  reads as the verb that it is, like contextlib's own
    """Tells on stderr what fails in its block; raises it only where paper was meant, or with ``EXEC_PLUGIN_STRICT=1``."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        # a misspelt mode may have been meant to be paper
        closed = self._mode not in {REGISTER, THROTTLE} or os.environ.get(STRICT) == "1"
        ending = (
            "so ccxt cannot be used here: a real exchange is none on paper" if closed else "the host goes on without"
        )
        sys.stderr.write(f"exec_plugin: mode {self._mode}: {type(error).__name__}: {error}; {ending}\n")
        return not closed
