"""Keys and signatures as logs and errors may show them."""

from __future__ import annotations

import re
from typing import Any

_SIGNED = re.compile(r"((?:signature|listenKey|X-MBX-APIKEY)['\"]?(?:=|:\s*['\"]?))[^&\s'\",)}]+", re.IGNORECASE)
#: How much of a key's ends is shown.
_SHOWN = 4


def veiled(value: Any) -> Any:
    """A text without its signature and key; anything else as it is."""
    return _SIGNED.sub(r"\1***", value) if isinstance(value, str) else value


def mask_api_key(key: str | None) -> str:
    """A key as a log may show it: its ends, or nothing of one that is too short to have a middle."""
    if not key or not key.strip():
        return "(none)"
    if len(key) < 4 * _SHOWN:
        return "*" * 8
    # slices of a secret are plain texts
    return f"{key[:_SHOWN]}...{key[-_SHOWN:]}"
