"""How ccxt's Binance is led to a server, the same in every language (docs/clients.md)."""

from __future__ import annotations

WALLETS = {"sapi": 1, "sapiV2": 2, "sapiV3": 3, "sapiV4": 4}


def urls(server):
    """The addresses of ccxt's Binance that a spot bot uses."""
    api = dict.fromkeys(("public", "private"), f"{server.url}/api/v3") | {"v1": f"{server.url}/api/v1"}
    wallet = {name: f"{server.url}/sapi/v{version}" for name, version in WALLETS.items()}
    return {"api": {**api, **wallet, "ws": {"spot": f"{server.ws}/ws", "ws-api": {"spot": f"{server.ws}/ws-api/v3"}}}}


def config(server, **options):
    """What ccxt's Binance is made with."""
    return {
        "apiKey": server.key,
        "secret": server.secret,
        "enableRateLimit": False,
        "urls": urls(server),
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, **options},
    }
