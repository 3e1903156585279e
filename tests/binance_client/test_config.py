"""What a client is told, what is refused, and what is never shown."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.binance import BinanceConfig, mask_api_key
from exec_plugin.core.errors import ConfigError

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (None, "(none)"),
        ("", "(none)"),
        ("   ", "(none)"),
        ("a", "********"),
        ("fifteen letters", "********"),
        ("sixteen letters!", "sixt...ers!"),
        (KEY, "vmPU...Eh8A"),
    ],
)
def test_mask(key, shown):
    """A key shows its ends, a short one nothing, and none that there is none."""
    assert mask_api_key(key) == shown


@given(st.text())
def test_mask_hides(key):
    """Of no key more than half is shown."""
    shown = mask_api_key(key)
    assert shown in ("(none)", "********") or (len(shown) == 11 and len(key) >= 16)


def test_defaults():
    """Without anything it is the live exchange's public data."""
    config = BinanceConfig()
    assert (config.api_key, config.testnet, config.base_url, config.recv_window) == ("", False, None, 5_000)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"timeout": 0}, "timeout=0 must be a finite number above 0"),
        ({"timeout": float("inf")}, "timeout=inf must be"),
        ({"timeout": float("nan")}, "timeout=nan must be"),
        ({"timeout": "10"}, "timeout='10' must be"),
        ({"timeout": True}, "timeout=True must be"),
        ({"retry_delay": -1}, "retry_delay=-1 must be"),
        ({"max_retry_delay": 0.0}, "max_retry_delay=0.0 must be"),
        ({"retry_budget": None}, "retry_budget=None must be"),
        ({"recv_window": 0}, "recv_window=0 must be a whole number of ms from 1 to 60000"),
        ({"recv_window": 60_001, "retry_budget": 100}, "recv_window=60001 must be"),
        ({"recv_window": 1.5}, "recv_window=1.5 must be"),
        ({"recv_window": 30_000}, "does not fit into retry_budget=30.0"),
        ({"max_retries": -1}, "max_retries=-1 must be a whole number of 0 or more"),
        ({"max_retries": 2.0}, "max_retries=2.0 must be"),
        ({"base_url": "api.binance.com"}, "base_url='api.binance.com' must be an address"),
        ({"base_url": "ftp://api.binance.com"}, "base_url='ftp://api.binance.com' must be an address"),
        ({"base_url": "http://"}, "base_url='http://' must be an address"),
        ({"base_url": 5}, "base_url='5' must be an address"),
        ({"proxy": "me:hunter2@proxy:x"}, r"proxy='\*\*\*@proxy:x' must be an address"),
        ({"testnet": True, "demo": True}, "testnet and demo are two networks"),
        ({"api_key": KEY}, "api_key and api_secret belong together"),
        ({"api_secret": SECRET}, "api_key and api_secret belong together"),
        ({"api_key": 5, "api_secret": SECRET}, "a key is a text, not a int"),
    ],
)
def test_refused(settings, told):
    """A value that cannot be is refused with what can; a password in it is not repeated."""
    with pytest.raises(ConfigError, match=told) as caught:
        BinanceConfig(**settings)
    assert "hunter2" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": 0.001},
        {"recv_window": 1},
        {"recv_window": 60_000, "retry_budget": 60.1},
        {"max_retries": 0},
        {"base_url": "http://127.0.0.1:8080"},
        {"base_url": "https://[::1]:8443/"},
        {"proxy": "http://user:password@proxy:3128"},
    ],
)
def test_legal(settings):
    """What is at a limit is legal."""
    config = BinanceConfig(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


def test_spaces():
    """What was copied with the end of its line is the key all the same."""
    assert BinanceConfig(api_key=f" {KEY}\n", api_secret=SECRET).api_key.reveal() == KEY


def test_frozen():
    """A configuration does not change; a changed copy keeps the secret."""
    config = BinanceConfig(api_key=KEY, api_secret=SECRET)
    with pytest.raises(AttributeError):
        config.testnet = True
    other = evolve(config, testnet=True)
    assert (other.testnet, other.api_secret.reveal()) == (True, SECRET)
    assert copy.deepcopy(config).api_secret.reveal() == SECRET


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{0!r:>80}".format, "{0.api_secret}".format, "{0.api_key!r}".format]
)
def test_shown(show):
    """No secret is shown, and of the key its ends at most."""
    shown = show(BinanceConfig(api_key=KEY, api_secret=SECRET))
    assert SECRET[:8] not in shown
    assert KEY[:8] not in shown


def test_password():
    """Nor is the password in an address."""
    assert "hunter2" not in repr(BinanceConfig(base_url="http://me:hunter2@127.0.0.1:8080"))


def test_pickle():
    """A configuration is not pickled: its secret would be in the pickle."""
    with pytest.raises(TypeError, match="a secret is not pickled"):
        pickle.dumps(BinanceConfig(api_key=KEY, api_secret=SECRET))


def test_traceback():
    """A traceback that shows the variables of its frames shows no secret."""

    def fail(config):
        return config.api_secret / 0

    try:
        fail(BinanceConfig(api_key=KEY, api_secret=SECRET))
    except TypeError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "config = <BinanceConfig live key=vmPU...Eh8A>" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("settings", "where"),
    [({}, "live"), ({"testnet": True}, "testnet"), ({"demo": True}, "demo"), ({"base_url": "http://h"}, "http://h")],
)
def test_where(settings, where):
    """A configuration shows which exchange it is for."""
    assert repr(BinanceConfig(**settings)) == f"<BinanceConfig {where} key=(none)>"
