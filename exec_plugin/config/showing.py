"""Settings, requests and errors as they may be shown: without what is secret in them."""

from __future__ import annotations

import re
from typing import Any

_SECRET = re.compile(r"secret|password|passphrase|token|private|pem$", re.IGNORECASE)
_KEY = re.compile(r"api_?key", re.IGNORECASE)
_SIGNED = re.compile(r"((?:signature|listenKey|X-MBX-APIKEY)['\"]?(?:=|:\s*['\"]?))[^&\s'\",)}]+", re.IGNORECASE)
#: What an address may hold before its host.
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SHOWN = 4


def mask_api_key(key: str | None) -> str:
    """A key as a log may show it: its ends, or nothing of one that is too short to have a middle."""
    if not key or not key.strip():
        return "(none)"
    if len(key) < 4 * _SHOWN:
        return "*" * 8
    # slices of a secret are plain texts
    return f"{key[:_SHOWN]}...{key[-_SHOWN:]}"


def veiled(value: Any) -> Any:
    """A text without its signature and key; anything else as it is."""
    return _SIGNED.sub(r"\1***", value) if isinstance(value, str) else value


def masked(name: str, value: Any) -> Any:
    """A setting's value without its secrets: by its name, and passwords in addresses by themselves."""
    if isinstance(value, dict):
        return {key: masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(name, inner) for inner in value]
    if value in (None, ""):
        return value
    if _SECRET.search(name):
        return "***"
    if _KEY.search(name):
        return mask_api_key(str(value))
    return _USER.sub("***", value) if isinstance(value, str) else value
