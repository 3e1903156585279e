from __future__ import annotations

import subprocess
import sys

import pytest
from captures import trade, write

from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.feeds import Feed, open_recording
from exec_plugin.feeds.capture import CaptureFeed


def test_is_a_feed(tmp_path):
    """What is opened has a feed's three parts; a path may be a text."""
    feed: Feed = open_recording(str(write(tmp_path / "x.gz", [trade(0)])))
    assert [symbol.name for symbol in feed.symbols] == ["BTCUSDT"]
    assert next(feed.rows())[1] == feed.start


def test_content_decides(tmp_path):
    """A capture is a capture under any name, also when it begins with a bad line."""
    feed = open_recording(write(tmp_path / "x.csv", ["what is this", "", trade(0)]), on_bad="skip")
    assert isinstance(feed, CaptureFeed)
    assert len(list(feed.rows())) == 1
    assert feed.rows_by_kind == {"bad": 1, "blank": 1, "trade": 1}


@pytest.mark.parametrize("lines", [["hello"], ["", " "], ["a,b,c", "1,2,3"], ["\x00\x01"]])
def test_unknown_format(tmp_path, lines):
    """A file of no known format is refused, showing how it begins."""
    with pytest.raises(FeedError, match=r"x\.txt"):
        open_recording(write(tmp_path / "x.txt", lines))


def test_no_market_data(tmp_path):
    """JSON lines without a market message are refused."""
    with pytest.raises(FeedError, match="no symbol at all"):
        open_recording(write(tmp_path / "x.jsonl", ['{"id": 1, "result": null}']))


def test_on_bad(tmp_path):
    """The setting has two values."""
    with pytest.raises(ConfigError, match="'raise' or 'skip'"):
        open_recording(write(tmp_path / "x.gz", [trade(0)]), on_bad="ignore")


def test_light_import():
    """Feeds bring none of the heavy libraries."""
    script = (
        "import sys, exec_plugin.feeds; print({'aiohttp', 'asyncio', 'ccxt', 'numpy', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"
