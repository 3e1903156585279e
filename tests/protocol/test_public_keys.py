"""Ed25519 and RSA keys, over REST."""

from __future__ import annotations

import base64
import json
import sys
from urllib.parse import quote

import pytest
from signing_client import LIMIT, NOW, Client, form

from exec_plugin.core.errors import ConfigError
from exec_plugin.protocol import Key
from exec_plugin.protocol.public_keys import PublicKey

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: E402
from cryptography.hazmat.primitives.hashes import SHA256  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: E402


def pem_of(private):
    """A private key's public half."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module", params=["ED25519", "RSA"])
def pair(request):
    """The kind of a key, its public half, and what signs with its private one."""
    if request.param == "ED25519":
        private = ed25519.Ed25519PrivateKey.generate()
        return request.param, pem_of(private), private.sign
    private = rsa.generate_private_key(65537, 2048)
    return request.param, pem_of(private), lambda text: private.sign(text, padding.PKCS1v15(), SHA256())


def send(client, payload, signature):
    """An order with a signature."""
    reply = client.gateway.handle("POST", "/api/v3/order", {"x-mbx-apikey": "k"}, f"{payload}&signature={signature}")
    return reply.status, json.loads(reply.text).get("code")


@pytest.mark.parametrize("encode", [lambda text: quote(text, safe=""), lambda text: text], ids=["encoded", "as it is"])
def test_signature(pair, encode):
    """A good signature is accepted, percent-encoded or not; another one, or one in other capitals, is not."""
    kind, pem, sign = pair
    client = Client()
    assert client.gateway.add_key("k", client.account, pem).kind == kind
    payload = form({**LIMIT, "timestamp": NOW})
    signature = base64.b64encode(sign(payload.encode())).decode()
    assert send(client, payload, encode(signature)) == (200, None)
    assert send(client, payload, encode(signature.swapcase())) == (400, -1022)
    assert send(client, payload + "&recvWindow=1", encode(signature)) == (400, -1022)


@pytest.mark.parametrize("signature", ["x", "=", "é", "AAAA", "%00"])
def test_no_signature(pair, signature):
    """What is no signature at all is a wrong one."""
    client = Client()
    client.gateway.add_key("k", client.account, pair[1])
    assert send(client, form({**LIMIT, "timestamp": NOW}), signature) == (400, -1022)


@pytest.mark.parametrize("pem", ["-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----", "-----BEGIN"])
def test_unreadable(pem):
    """A text that is no key is refused."""
    with pytest.raises(ConfigError, match="PEM"):
        PublicKey(pem)


def test_other_kind():
    """A key of another kind is refused by its name."""
    with pytest.raises(ConfigError, match="is Ed25519 or RSA"):
        PublicKey(pem_of(ec.generate_private_key(ec.SECP256R1())))


def test_missing_package(pair, monkeypatch):
    """Without the package the error says what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigError, match=r"pip install 'exec-plugin\[server\]'"):
        PublicKey(pair[1])


def test_repr(pair):
    """A key shows no secret."""
    account = Client().account
    assert "hush" not in repr(Key(account, "hush"))
    assert "BEGIN" not in repr(Key(account, pair[1]))
    assert Key(account, "hush").kind == "HMAC"
    assert Key(account).kind == ""
