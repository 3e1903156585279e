"""
What may not be written into a cassette, and how requests are made comparable.

A request is reduced to its method, its path and its parameters in order of their names: whoever sends it, to which
host and when. A response keeps what a client reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Every cassette speaks of this host, wherever it was recorded.
HOST = "https://api.binance.com"
#: What differs each time, or is nobody's business.
DROPPED = frozenset(("apikey", "recvwindow", "signature", "timestamp"))
#: What must be there, whatever its value: streams of an account, and ids that chance or the caller makes.
MASKED = frozenset((
    "cancelnewclientorderid", "cancelorigclientorderid", "listclientorderid", "listenkey", "newclientorderid",
    "origclientorderid",
))  # fmt: skip
MASK = "ANY"
#: Headers that tell a client something; an address, a session or a server's name is none of them. Nor is a ``Date``:
#: it would set the client's idea of the server's clock back with every answer that is replayed.
KEPT_HEADERS = frozenset(("content-type", "retry-after"))
_KEPT_PREFIXES = ("x-mbx-used-weight", "x-mbx-order-count")
_JSON = "application/json"

#: Fields of a reply that tell whose account it is.
PERSONAL = (
    "accountId", "address", "addressTag", "apiKey", "email", "listenKey", "subAccountId", "tradeGroupId", "txId", "uid",
    "userId",
)  # fmt: skip
_PERSONAL = re.compile(rf'("(?:{"|".join(PERSONAL)})"\s*:\s*)(?:"[^"]*"|-?\d+)', re.IGNORECASE)
#: Binance names the caller's address in the texts of some errors (-1003, -2015).
_IP = re.compile(r"((?:request ip: |\bIP\())[0-9a-fA-F.:]+")

_SIGNATURE = re.compile(r"signature\W{1,3}(?:[0-9a-f]{64}|[A-Za-z0-9+/%]{80,})", re.IGNORECASE)
#: Keys and secrets of Binance are 64 letters and digits; so are signatures and listen keys, or nearly.
_LONG = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{60,64}(?![A-Za-z0-9])")
_KEY_HEADER = re.compile(r"x-mbx-apikey", re.IGNORECASE)


def scrub_request(request: Any) -> Any:
    """A request of vcrpy as it is kept and compared; None for what is not recorded: WebSockets and control calls."""
    parts = urlsplit(request.uri)
    upgrades = any(str(name).lower() == "upgrade" for name in request.headers)
    if parts.scheme in ("ws", "wss") or upgrades or parts.path.startswith("/paper/"):
        return None
    query = _sorted(parse_qsl(parts.query, keep_blank_values=True))
    request.uri = f"{HOST}{parts.path}" + (f"?{query}" if query else "")
    request.body = _sorted(pairs_of(request.body)) or None
    request.headers = {}
    return request


def pairs_of(body: Any) -> list[tuple[str, str]]:
    """The parameters of a body, in whatever form a client handed it to its HTTP library."""
    if not body:
        return []
    if isinstance(body, dict):
        return [(str(name), str(value)) for name, value in body.items()]
    text = body.decode() if isinstance(body, (bytes, bytearray)) else str(body)
    return parse_qsl(text, keep_blank_values=True)


def _sorted(pairs: Iterable[tuple[str, str]]) -> str:
    kept = [(name, value) for name, value in pairs if name.lower() not in DROPPED]
    return urlencode(sorted((name, MASK if name.lower() in MASKED else value) for name, value in kept))


def scrub_response(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response of vcrpy without what tells where, by whom and for whom it was answered."""
    headers = {name: values for name, values in response["headers"].items() if _is_kept(str(name).lower())}
    text = response["body"].get("string", b"")
    shown = text.decode() if isinstance(text, bytes) else text
    return {**response, "headers": headers, "body": {"string": scrub_text(shown).encode()}}


def _is_kept(name: str) -> bool:
    return name in KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)


def scrub_text(text: str) -> str:
    """A reply's text without account ids, listen keys and addresses; the rest stays as it is, byte by byte."""
    text = _PERSONAL.sub(lambda found: found[1] + ('"SCRUBBED"' if found[0].endswith('"') else "0"), text)
    return _IP.sub(r"\g<1>0.0.0.0", text)


def leaks(text: str, secrets: Iterable[str] = ()) -> Iterator[str]:
    """
    What a cassette's text must not hold, each as a line for its reader, without the secret itself.

    Args:
        text: of the whole file.
        secrets: values that were used while it was recorded.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if any(secret and secret in line for secret in secrets):
            yield f"line {number}: a key or secret of the recording"
        if _SIGNATURE.search(line):
            yield f"line {number}: a signature"
        if _KEY_HEADER.search(line):
            yield f"line {number}: the header of an API key"
        if _LONG.search(line):
            yield f"line {number}: a long text that may be a key"
        if scrub_text(line) != line:
            yield f"line {number}: an account id, a listen key or an address"
