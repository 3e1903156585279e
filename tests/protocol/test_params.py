"""From texts to values, and the code for each thing that can be wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import SCALE
from exec_plugin.protocol.params import Spec, parse_form

COARSE = Symbol.from_exchange_info({
    "symbol": "BTCUSDT", "baseAssetPrecision": 4, "quotePrecision": 2, "quoteAssetPrecision": 3,
})  # fmt: skip
ORDER = {"symbol": "symbol!", "quantity": "quantity", "quoteOrderQty": "amount", "price": "price"}


def listed(name):
    """Finds the one symbol that there is."""
    if name != "BTCUSDT":
        raise RequestRejected(-1121, "Invalid symbol.")
    return COARSE


def one(kind, text, name="value"):
    """One parameter of a kind."""
    return Spec({name: kind}).read({name: text}, listed)[name]


def refusal(kinds, sent):
    """The code and the message of what must be refused."""
    with pytest.raises(RequestRejected) as caught:
        Spec(kinds).read(sent, listed)
    return caught.value.code, caught.value.msg


# ---------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&&b=2&", {"a": "1", "b": "2"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a=x+y%20z", {"a": "x y z"}),
        ("s=%5B%22BTCUSDT%22%5D", {"s": '["BTCUSDT"]'}),
        ("%61=1", {"a": "1"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("a=%", {"a": "%"}),
    ],
)
def test_parse_form(text, found):
    """A form is split at its signs and unquoted."""
    assert parse_form(text) == found


@pytest.mark.parametrize("text", ["a=1&a=2", "a=1&a=1", "a=&a=", "a=1&%61=1"])
def test_twice(text):
    """A parameter that is sent twice is refused, even with one value."""
    with pytest.raises(RequestRejected) as caught:
        parse_form(text)
    assert caught.value.code == -1101


# ---------------------------------------------------------------------- which parameters


def test_absent():
    """Parameters that were not sent are not there."""
    assert Spec(ORDER).read({"symbol": "BTCUSDT"}, listed) == {"symbol": "BTCUSDT"}


@pytest.mark.parametrize("sent", [{}, {"symbol": ""}])
def test_missing(sent):
    """A mandatory parameter must be there and not empty."""
    assert refusal(ORDER, sent) == (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")


def test_empty():
    """An optional parameter may be left out but not be empty."""
    assert refusal(ORDER, {"symbol": "BTCUSDT", "price": ""}) == (-1105, "Parameter 'price' was empty.")


def test_unread():
    """A parameter that the endpoint does not know is counted."""
    sent = {"symbol": "BTCUSDT", "colour": "red", "taste": "sour"}
    expected = "Not all sent parameters were read; read '1' parameter(s) but was sent '3'."
    assert refusal(ORDER, sent) == (-1104, expected)


def test_unknown_symbol():
    """A symbol must be listed."""
    assert refusal(ORDER, {"symbol": "ETHUSDT"}) == (-1121, "Invalid symbol.")


# ---------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("quantity", "1", SCALE),
        ("quantity", "0.00000001", 1),
        ("price", "61837.63", 6_183_763_000_000),
        ("price", "1.1000000000", 110_000_000),
        ("price", "99999999999999999999", (10**20 - 1) * SCALE),
        ("amount", "00012.5", 1_250_000_000),
        ("int", "500", 500),
        ("long", "9223372036854775807", 2**63 - 1),
        ("time", "1767614400000", 1767614400000),
        ("time", "1767614400000999", 1767614400000),
        ("bool", "TRUE", True),
        ("bool", "false", False),
        ("text", "as it is", "as it is"),
        ("client_id", "my.order/1:A_b-c", "my.order/1:A_b-c"),
        ("symbols", '["BTCUSDT","ETHBTC"]', ["BTCUSDT", "ETHBTC"]),
        ("texts", "SPOT", ["SPOT"]),
        ("side", "SELL", "SELL"),
        ("tif", "FOK", "FOK"),
        ("order_type", "LIMIT_MAKER", "LIMIT_MAKER"),
        ("resp_type", "ACK", "ACK"),
        ("stp", "EXPIRE_BOTH", "EXPIRE_BOTH"),
    ],
)
def test_reads(kind, text, value):
    """A text becomes a value of its kind."""
    assert one(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        *(
            ("quantity", text, -1100)
            for text in ("-1", "+1", "1e3", ".5", "1.", "NaN", "Infinity", "1,5", " 1", "\u0663")
        ),
        ("quantity", "9" * 21, -1100),
        ("quantity", "0.000000001", -1111),
        ("price", "999999999999999999999", -1100),
        *(("long", text, -1100) for text in ("-1", "1.5", "abc", "0x10", "1_000", "\u0663")),
        ("long", "9223372036854775808", -1108),
        ("int", "9" * 21, -1100),
        ("time", "yesterday", -1100),
        ("bool", "1", -1100),
        ("bool", "yes", -1100),
        *(("symbol", text, -1100) for text in ("btcusdt", "BTC/USDT", "A" * 21, "BTC USDT", "\uff22TC")),
        *(("symbols", text, -1135) for text in ("[", "[1]", '[{"a":1}]', '[["BTCUSDT"]]', "[null]", "[" * 100_000)),
        ("symbols", '["btcusdt"]', -1100),
        ("symbols", "btcusdt", -1100),
        ("symbols", '{"a":1}', -1100),
        *(("client_id", text, -1100) for text in ("a" * 37, "with space", "é", "a#b")),
        ("side", "buy", -1117),
        ("side", "HOLD", -1117),
        ("tif", "GTX", -1115),
        ("order_type", "STOP", -1116),
        ("resp_type", "full", -1130),
        ("stp", "SOMETIMES", -1130),
    ],
)
def test_refuses(kind, text, code):
    """Every malformed text has the code that the documents give it."""
    assert refusal({"value": kind}, {"value": text})[0] == code


# ---------------------------------------------------------------------- precision


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("quantity", "1.0001", True),
        ("quantity", "1.00010", True),
        ("quantity", "1.00001", False),
        ("price", "1.01", True),
        ("price", "1.001", False),
        ("quoteOrderQty", "1.001", True),
        ("quoteOrderQty", "1.0001", False),
    ],
)
def test_precision(name, text, fits):
    """A value has no more decimals than its asset; zeros at the end are none."""
    sent = {"symbol": "BTCUSDT", name: text}
    if fits:
        assert name in Spec(ORDER).read(sent, listed)
    else:
        assert refusal(ORDER, sent) == (-1111, f"Parameter '{name}' has too much precision.")


@pytest.mark.parametrize(
    ("name", "msg"),
    [("quantity", "Invalid quantity."), ("price", "Invalid price."), ("quoteOrderQty", "Invalid quantity.")],
)
def test_zero(name, msg):
    """Nothing can be ordered, and not for nothing."""
    assert refusal(ORDER, {"symbol": "BTCUSDT", name: "0.000"}) == (-1013, msg)


@given(
    st.sampled_from(["quantity", "price", "long", "int", "time", "bool", "symbol", "symbols", "client_id"]), st.text()
)
def test_any_text(kind, text):
    """Whatever is sent becomes a value or an error with a code."""
    try:
        code = 0 if Spec({"value": kind}).read({"value": text}, default_symbol) else None
    except RequestRejected as error:
        code = error.code
    assert code in (0, -1100, -1105, -1108, -1111, -1135)


@given(st.text())
def test_any_form(text):
    """Whatever is sent is a form, or one with duplicates."""
    try:
        code = 0 if isinstance(parse_form(text), dict) else None
    except RequestRejected as error:
        code = error.code
    assert code in (0, -1101)
