"""Names of settings: which there are, and which one was probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Tables of the settings that are no plugin's own.
SECTIONS = ("paper", "accounts", "binance", "limits")
#: Settings that stand for themselves.
VALUES = ("plugins", "block", "strict")
#: What ``[exec_plugin.plugins]`` may hold, where it is written as a table.
PLUGIN_LISTS = ("enabled", "disabled")
#: What the environment may hold beside them: secrets of ``exec-plugin serve``, which are no settings of a file.
SERVED = ("api_key", "api_secret", "control_token")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that was probably meant, with all of them."""
    listed = sorted(known)
    close = difflib.get_close_matches(name, listed, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known are {', '.join(listed)}"
