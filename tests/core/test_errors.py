from __future__ import annotations

import pickle

import pytest

from exec_plugin.core import errors

TREE = {
    "ExecPluginError": Exception,
    "ConfigError": errors.ExecPluginError,
    "FeedError": errors.ExecPluginError,
    "JournalError": errors.ExecPluginError,
    "RateLimitError": errors.ExecPluginError,
    "VenueError": errors.ExecPluginError,
    "RequestRejected": errors.VenueError,
    "FilterFailure": errors.RequestRejected,
    "OrderRejected": errors.VenueError,
    "AmendRejected": errors.VenueError,
    "CancelRejected": errors.VenueError,
    "UnknownOrder": errors.VenueError,
}


def test_tree():
    """The errors form the tree that the module's head draws, and each is in it."""
    found = {
        name: thing for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, Exception)
    }
    assert found.keys() == TREE.keys()
    for name, parent in TREE.items():
        assert issubclass(found[name], parent)
        assert name in errors.__doc__


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FilterFailure("LOT_SIZE", "try 1"), -1013),
        (errors.OrderRejected("No.", "try 1"), -2010),
        (errors.AmendRejected("No.", "try 1"), -2038),
        (errors.CancelRejected(hint="try 1"), -2011),
        (errors.UnknownOrder(hint="try 1"), -2013),
    ],
)
def test_codes(error, code):
    """Each refusal carries Binance's code and message; the text for people adds the hint."""
    assert error.code == code
    assert str(error) == f"{error.msg} (code {code}): try 1"


def test_without_hint():
    """Without a hint the message stands alone."""
    assert str(errors.VenueError(-1000, "Unknown.")) == "Unknown. (code -1000)"


def test_builtin_kin():
    """What is wrong with a setting or file is a ValueError, too."""
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.FeedError, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("x"),
        errors.RequestRejected(-1121, "Invalid symbol.", "x"),
        errors.FilterFailure("LOT_SIZE", "x"),
        errors.OrderRejected("x", "y"),
        errors.CancelRejected(),
        errors.UnknownOrder(),
    ],
)
def test_pickle(error):
    """Errors cross process borders whole."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
