"""Where public market data is found."""

from __future__ import annotations

import pytest

from exec_plugin.core.errors import ConfigError
from exec_plugin.feeds.live.places import Places


@pytest.mark.parametrize(
    ("url", "rest", "streams"),
    [
        ("", "https://data-api.binance.vision", "wss://data-stream.binance.vision"),
        ("https://api.binance.com/", "https://api.binance.com", "wss://stream.binance.com:9443"),
        ("https://testnet.binance.vision", "https://testnet.binance.vision", "wss://stream.testnet.binance.vision"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ("https://[::1]:8443", "https://[::1]:8443", "wss://[::1]:8443"),
    ],
)
def test_places(url, rest, streams):
    """Streams are found by the address of the REST API."""
    assert Places.of(url) == (rest, streams)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "ws://127.0.0.1",
        "https://",
        "https://user:secret@host",
        "https://host/api",
        "https://host?k=v",
    ],
)
def test_refused(url):
    """What is no plain address is refused, and not repeated: it may hold a secret."""
    with pytest.raises(ConfigError, match="live_url is no address") as caught:
        Places.of(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("url", "local"), [("http://localhost:1", True), ("http://[::1]:1", True), ("", False)])
def test_local(url, local):
    """No proxy leads to this machine."""
    assert Places.of(url).is_local is local
