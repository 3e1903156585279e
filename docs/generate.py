"""
Write the pages that follow from the code: ``python docs/generate.py``. A test fails while they are out of date.

Run it with the package importable; it changes ``endpoints.md`` and ``settings.md`` beside it.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from attrs import NOTHING, Factory, fields

from exec_plugin.account import Settings
from exec_plugin.binance import BinanceConfig
from exec_plugin.core.fill_models import UniformLatency
from exec_plugin.endpoints import DOCUMENTED, Endpoint

HERE = Path(__file__).parent

ENDPOINTS_INTRO = """# Endpoints

What is known of Binance's spot interface. Routes, weights and parameters are those of its `rest-api.md`; names are
those of its WebSocket API. *Orders* is what a call adds to the account's unfilled orders, *class* its place in the
[rate limiter](rate_limit.md)'s queue. A mandatory parameter is **bold**. Signed endpoints also take `timestamp`,
`recvWindow` and `signature`. What begins with `paper.` is [ours](resuming.md).

## Answered on paper

The paper exchange answers these, in process and wherever it is served. Any other path gets 404 and is never passed on.

"""

ENDPOINTS_REST = """
## Known to the rate limiter only

"""

ENDPOINTS_HEAD = """| route | name | weight | orders | class | security | parameters |
|---|---|---|---|---|---|---|
"""

SETTINGS_INTRO = """# Settings

What a paper account is opened with: `options["paper"]` of a ccxt exchange, or the arguments of
`exec_plugin.account.open_account`. An unknown name is refused with the nearest known one.

```python
ccxt.binancepaper({"options": {"paper": {"balances": {"USDT": "5000"}, "seed": 7}}})
```

Accounts whose market settings agree share one market; `account` and `balances` are the account's own. What is not given
here may stand in the [configuration](plugins.md), for all accounts or for the one of an API key.

"""

CLIENT_INTRO = """
## Of the Binance client

The arguments of `BinanceConfig` and, beside key, secret and `testnet`, of `create_binance_client`
([Binance client](binance.md)). All of them are checked when the configuration is made.

"""

SETTINGS_HEAD = """| setting | default | meaning |
|---|---|---|
"""


def weight(endpoint: Endpoint) -> str:
    """The weight, or the range that it has by parameters."""
    if isinstance(endpoint.weight, int):
        return str(endpoint.weight)
    many = '["' + '","'.join(f"S{number}" for number in range(101)) + '"]'
    probes = [
        {},
        {"symbol": "S"},
        {"symbols": '["S"]'},
        {"symbols": many},
        {"limit": "5000"},
        {"limit": "1000"},
        {"orderId": "1"},
        {"preventedMatchId": "1"},
        {"computeCommissionRates": "true"},
    ]
    costs = sorted({endpoint.cost(probe) for probe in probes})
    return f"{costs[0]} to {costs[-1]}" if len(costs) > 1 else str(costs[0])


def endpoint_row(endpoint: Endpoint) -> str:
    """An endpoint as a line of a table."""
    params = [f"**{name}**" if kind.endswith("!") else name for name, kind in endpoint.params.items()]
    cells = (
        f"`{endpoint.method} {endpoint.path}`",
        endpoint.name,
        weight(endpoint),
        str(endpoint.orders or ""),
        endpoint.priority.name.lower(),
        endpoint.security,
        ", ".join(params),
    )
    return f"| {' | '.join(cells)} |\n"


def endpoints_page() -> str:
    """``endpoints.md`` from the endpoint table."""
    answered, known = (
        ENDPOINTS_HEAD + "".join(endpoint_row(row) for row in DOCUMENTED.values() if row.simulated is simulated)
        for simulated in (True, False)
    )
    return ENDPOINTS_INTRO + answered + ENDPOINTS_REST + known


def meanings(kind: type) -> dict[str, str]:
    """What the docstring of a class of settings says of each."""
    text = inspect.getdoc(kind) or ""
    block = text.split("Args:\n", 1)[1]
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n        .*)*)", block, re.MULTILINE)
    return {
        name.strip(): re.sub(r"\s+", " ", meaning).replace("``", "`").replace("|", "\\|")
        for names, meaning in entries
        for name in names.split(",")
    }


def default(value: object) -> str:
    """A default as a reader would write it."""
    if isinstance(value, Factory):
        value = value.factory()
    if isinstance(value, UniformLatency):
        value = value.min_ms
    if value is None or value is NOTHING or value in ("", ()):
        return ""
    return f"`{value!r}`".replace("|", "\\|")


def settings_table(kind: type) -> str:
    """A table of the settings that a class reads."""
    told = meanings(kind)
    rows = [f"| `{field.name}` | {default(field.default)} | {told[field.name]} |" for field in fields(kind)]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def settings_page() -> str:
    """``settings.md`` from the classes that read them."""
    return SETTINGS_INTRO + settings_table(Settings) + CLIENT_INTRO + settings_table(BinanceConfig)


PAGES = {"endpoints": endpoints_page, "settings": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / f"{name}.md").write_text(page(), encoding="utf-8")
