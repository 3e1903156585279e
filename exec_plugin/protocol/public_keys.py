"""Keys of which the exchange knows only the public half: Ed25519 and RSA (faqs/api_key_types.md)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

ED25519, RSA, HMAC = "ED25519", "RSA", "HMAC"
#: How a public key's text begins.
PEM = "-----BEGIN"
_MISSING = "Ed25519 and RSA keys need the package cryptography: pip install 'exec-plugin[server]'"


class PublicKey:
    """
    A public key in PEM form, which checks signatures.

    Raises:
        ConfigError: when the text is none, or one of another kind.
    """

    def __init__(self, pem: str) -> None:
        self.kind, self._check = _read(pem)

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether a signature in base64 is the payload's; letters in capitals are other letters."""
        try:
            # a client that does not percent-encode its signature has sent spaces for plus signs
            raw = base64.b64decode(signature.replace(" ", "+"), validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._check(raw, payload)


def _read(pem: str) -> tuple[str, Callable[[bytes, bytes], bool]]:
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise ConfigError(_MISSING) from error
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = f"a public key is no PEM text that can be read: {error}"
        raise ConfigError(msg) from error
    verify: Callable[[bytes, bytes], None]
    if isinstance(key, ed25519.Ed25519PublicKey):
        kind, verify = ED25519, key.verify
    elif isinstance(key, rsa.RSAPublicKey):
        kind, verify = RSA, lambda signed, text: key.verify(signed, text, padding.PKCS1v15(), SHA256())
    else:
        msg = f"a public key is Ed25519 or RSA, not {type(key).__name__}"
        raise ConfigError(msg)

    def check(signature: bytes, payload: bytes) -> bool:
        try:
            verify(signature, payload)
        except InvalidSignature:
            return False
        return True

    return kind, check
