"""Who may call: keys, signatures and timing."""

from __future__ import annotations

import pytest

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.ledger import Account
from exec_plugin.protocol.params import parse_form
from exec_plugin.protocol.security import Key, check_signature, check_timing, find_key, sign

# rest-api.md, SIGNED Endpoint Examples for POST /api/v3/order
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST = "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
PAYLOAD = f"symbol=LTCBTC{REST}"
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
NOW = 1767614400000


def code_of(function, *args):
    """The code that a call is refused with, 0 when it is not."""
    try:
        function(*args)
    except RequestRejected as error:
        return error.code
    return 0


def signature_code(query, body="", secret=SECRET):
    """The code that the signature of a request earns."""
    return code_of(check_signature, Key(Account("me"), secret), {**parse_form(body), **parse_form(query)}, query, body)


def timing_code(**sent):
    """The code that the times of a request earn."""
    return code_of(check_timing, {name: str(value) for name, value in sent.items()}, NOW)


def test_documented_signature():
    """The documents' example gives the documents' signature."""
    assert sign(SECRET, PAYLOAD) == SIGNATURE


def test_documented_signature_of_other_letters():
    """Letters beyond ASCII are signed as they were percent-encoded."""
    name = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
    expected = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
    assert sign(SECRET, f"symbol={name}{REST}") == expected


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"{PAYLOAD}&signature={SIGNATURE}", ""),
        ("", f"{PAYLOAD}&signature={SIGNATURE}"),
        (f"signature={SIGNATURE}&{PAYLOAD}", ""),
        (f"{PAYLOAD}&signature={SIGNATURE.upper()}", ""),
        (PAYLOAD, f"signature={SIGNATURE}"),
        (f"signature={SIGNATURE}", PAYLOAD),
    ],
)
def test_accepts(query, body):
    """A signature counts wherever it stands and in whatever case."""
    assert signature_code(query, body) == 0


def test_query_and_body():
    """The payload is the query and the body with nothing between them."""
    query, body = PAYLOAD[:60], PAYLOAD[60:]
    assert signature_code(query, f"{body}&signature={SIGNATURE}") == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (PAYLOAD, -1102),
        (f"{PAYLOAD}&signature=", -1102),
        (f"{PAYLOAD}&signature={SIGNATURE[:-1]}", -1022),
        (f"{PAYLOAD}&signature=%C3%A9", -1022),
        (f"{PAYLOAD}&signature=\ud800", -1022),
        (f"{PAYLOAD.replace('price=0.1', 'price=0.2')}&signature={SIGNATURE}", -1022),
        (f"{PAYLOAD.replace('LTC', 'ltc')}&signature={SIGNATURE}", -1022),
    ],
)
def test_refuses(query, code):
    """A missing signature and a wrong one are told apart."""
    assert signature_code(query) == code


def test_unchecked():
    """A key without a secret takes any signature, but one there must be."""
    assert signature_code("a=1&signature=whatever", secret=None) == 0
    assert signature_code("a=1", secret=None) == -1102


@pytest.mark.parametrize(
    ("name", "code"),
    [(None, -2014), ("", -2014), ("no spaces", -2014), ("é", -2014), ("a" * 129, -2014), ("other", -2015), ("mine", 0)],
)
def test_find_key(name, code):
    """A malformed key and an unknown one are told apart."""
    assert code_of(find_key, name, {"mine": Key(Account("me"))}) == code


def test_repr():
    """A key never shows its secret."""
    assert SECRET not in repr(Key(Account("me"), SECRET))


@pytest.mark.parametrize(
    ("offset", "window", "code"),
    [
        (0, None, 0),
        (-5000, None, 0),
        (-5001, None, -1021),
        (999, None, 0),
        (1000, None, -1021),
        (0, 0, 0),
        (-1, 0, -1021),
        (-1, 0.999, -1021),
        (-1, 1, 0),
        (-60000, 60000, 0),
        (-60001, 60000, -1021),
        (-6000, "6000.346", 0),
        (0, "60000.001", -1131),
        (0, 60001, -1131),
        (0, -1, -1100),
        (0, "1.2345", -1100),
        (0, "five", -1100),
        (0, "1e3", -1100),
    ],
)
def test_window(offset, window, code):
    """A request may be as old as its recvWindow and less than a second from the future."""
    sent = {"timestamp": NOW + offset} if window is None else {"timestamp": NOW + offset, "recvWindow": window}
    assert timing_code(**sent) == code


@pytest.mark.parametrize(
    ("offset", "window", "code"),
    [
        (0, 5000, 0),
        (-5_000_000, 5000, 0),
        (-5_000_001, 5000, -1021),
        (-346, "0.346", 0),
        (-347, "0.346", -1021),
        (999_999, 5000, 0),
        (1_000_000, 5000, -1021),
    ],
)
def test_microseconds(offset, window, code):
    """A timestamp of sixteen digits counts microseconds, to the microsecond."""
    assert timing_code(timestamp=NOW * 1000 + offset, recvWindow=window) == code


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        ("", -1102),
        ("now", -1100),
        ("-5", -1100),
        ("1.5", -1100),
        ("\u0661\u0667", -1100),
        ("9" * 17, -1100),
        ("0", -1021),
    ],
)
def test_timestamp(timestamp, code):
    """A timestamp is a number of digits."""
    assert timing_code(timestamp=timestamp) == code
    assert timing_code() == -1102
