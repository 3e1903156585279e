"""Who is calling: API keys, signatures and timing (rest-api.md, Request Security)."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from attrs import field, frozen

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.params import MICROSECONDS, illegal, missing
from exec_plugin.protocol.public_keys import HMAC, PEM, PublicKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.core.ledger import Account

_KEY = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_WINDOW = re.compile(r"[0-9]{1,15}(\.[0-9]{1,3})?")
_LONGEST_WINDOW = 60_000
_DEFAULT_WINDOW = 5_000
_AHEAD = 1_000


@frozen
class Key:
    """
    An API key: whose it is, and what its signatures are checked with.

    Args:
        account: for whom it acts.
        secret: of an HMAC key, or the PEM text of an Ed25519 or RSA key's public half; None: nothing is checked.
        timed: whether requests may be too late; not where the clock jumps between signing and sending.
    """

    account: Account
    secret: str | None = field(default=None, repr=False)
    timed: bool = True
    _public: PublicKey | None = field(init=False, repr=False)

    @_public.default
    def _read_public(self) -> PublicKey | None:
        return PublicKey(self.secret) if self.secret and self.secret.lstrip().startswith(PEM) else None

    @property
    def kind(self) -> str:
        """HMAC, ED25519, RSA, or nothing where any signature will do."""
        if self.secret is None:
            return ""
        return self._public.kind if self._public is not None else HMAC

    def check(self, payload: str, signature: str) -> None:
        """
        Whether a signature is the payload's; only HMAC does not mind capitals (Signature Case Sensitivity).

        Raises:
            RequestRejected: -1022 when it is not.
        """
        if self.secret is None:
            return
        if self._public is not None:
            good = self._public.verify(payload.encode(errors="surrogatepass"), signature)
        else:
            # as bytes: texts are compared only when they are ASCII
            expected = sign(self.secret, payload).encode()
            good = hmac.compare_digest(expected, signature.lower().encode(errors="surrogatepass"))
        if not good:
            raise RequestRejected(-1022, "Signature for this request is not valid.")


def sign(secret: str, payload: str) -> str:
    """The HMAC SHA256 signature of a payload, in hex."""
    # a lone surrogate is no text, but a client may send it
    return hmac.digest(secret.encode(errors="surrogatepass"), payload.encode(errors="surrogatepass"), "sha256").hex()


def find_key(name: str | None, keys: Mapping[str, Key]) -> Key:
    """
    The key of that name.

    Raises:
        RequestRejected: -2014 for a missing or malformed name, -2015 for an unknown one.
    """
    if name is None or not _KEY.fullmatch(name):
        raise RequestRejected(-2014, "API-key format invalid.")
    if name not in keys:
        raise RequestRejected(-2015, "Invalid API-key, IP, or permissions for action.")
    return keys[name]


def check_signature(key: Key, sent: Mapping[str, str], query: str, body: str) -> None:
    """
    Whether the request was signed with the key's secret: over the query string and the body, one after the other.

    Raises:
        RequestRejected: -1102 without a signature, -1022 for a wrong one.
    """
    signature = sent.get("signature")
    if not signature:
        raise missing("signature")
    key.check(unsigned(query) + unsigned(body), signature)


def unsigned(text: str) -> str:
    """A query string or body without its signature: what is signed."""
    if "signature=" not in text:
        return text
    before, _, after = text.rpartition("&signature=")
    if before and "&" not in after and "signature=" not in before:
        return before
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def check_timing(sent: Mapping[str, str], now: int, slack: int = 0) -> None:
    """
    Whether the request is recent enough, and not from the future.

    Raises:
        RequestRejected: -1102 without a timestamp, -1021 for a wrong one, -1131 for too long a recvWindow.
    """
    text = sent.get("timestamp", "")
    if not text:
        raise missing("timestamp")
    if not text.isascii() or not text.isdigit() or len(text) > len("1767614400000000"):
        raise illegal("timestamp", "^[0-9]{1,20}$")
    moment, clock, unit = int(text), now, 1
    if moment >= MICROSECONDS:
        clock, unit = now * 1000, 1000
    window = sent.get("recvWindow") or str(_DEFAULT_WINDOW)
    if not _WINDOW.fullmatch(window):
        raise illegal("recvWindow", r"^[0-9]{1,15}(\.[0-9]{1,3})?$")
    whole, _, part = window.partition(".")
    micros = int(whole) * 1000 + int(part.ljust(3, "0"))
    if micros > _LONGEST_WINDOW * 1000:
        raise RequestRejected(-1131, "recvWindow must be less than 60000.")
    if moment >= clock + _AHEAD * unit:
        raise RequestRejected(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if (clock - moment) * 1000 > (micros + slack * 1000) * unit:
        raise RequestRejected(-1021, "Timestamp for this request is outside of the recvWindow.")
