from __future__ import annotations

import zipfile

import pytest

from exec_plugin.core.errors import FeedError
from exec_plugin.core.events import QUOTE, TRADE
from exec_plugin.feeds import open_recording

MS = 1_723_161_255_342
TRADES = [
    f"3735683259,61837.63000000,0.02000000,1236.75260000,{MS},True,True",
    f"3735683260,61837.63000000,0.03000000,1855.12890000,{MS + 5},False,True",
    f"3735683261,61837.64000000,0.00001000,0.61837640,{MS + 9},False,True",
]
AGGREGATES = [
    f"26129,0.01633102,4.70443515,27781,27783,{MS},True,True",
    f"26130,0.01633102,1.00000000,27784,27784,{MS + 1},false,true",
]
HEADERS = {
    "trades": "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match",
    "aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match",
}


def _file(tmp_path, name, lines):
    text = "".join(f"{line}\n" for line in lines)
    path = tmp_path / name
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name.replace(".zip", ".csv"), text)
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("suffix", ["csv", "zip"])
@pytest.mark.parametrize("header", [False, True])
def test_trades(tmp_path, suffix, header):
    """Single trades come out with the exchange's ids, each new price behind a quote around it."""
    path = _file(tmp_path, f"BTCUSDT-trades-2024-08-09.{suffix}", [HEADERS["trades"]] * header + TRADES)
    feed = open_recording(path)
    rows = list(feed.rows())
    assert [row[0] for row in rows] == [QUOTE, TRADE, TRADE, QUOTE, TRADE]
    assert rows[1] == (TRADE, MS, "BTCUSDT", 6_183_763_000_000, 2_000_000, True, 3_735_683_259, MS)
    assert (rows[0][3], rows[0][5]) == (6_183_762_000_000, 6_183_764_000_000)
    assert feed.rows_by_kind == {"trade": 3} | ({"header": 1} if header else {})
    assert (feed.start, feed.rows_read, feed.rows_skipped) == (MS, 3 + header, int(header))


@pytest.mark.parametrize("header", [False, True])
def test_aggregates(tmp_path, header):
    """Aggregate trades are known by their last trade's id."""
    feed = open_recording(_file(tmp_path, "ETHBTC-aggTrades-2024-08.zip", [HEADERS["aggTrades"]] * header + AGGREGATES))
    trades = [row for row in feed.rows() if row[0] == TRADE]
    assert [(row[2], row[5], row[6]) for row in trades] == [("ETHBTC", True, 27783), ("ETHBTC", False, 27784)]
    assert feed.rows_by_kind["aggTrade"] == 2


def test_microseconds(tmp_path):
    """Files since 2025 count microseconds."""
    lines = [line.replace(str(MS), f"{MS}999") for line in AGGREGATES[:1]]
    assert open_recording(_file(tmp_path, "ETHBTC-aggTrades-2025-01.csv", lines)).start == MS


def test_symbol_by_hand(tmp_path):
    """A file named otherwise needs its symbol told."""
    path = _file(tmp_path, "my data.csv", TRADES)
    with pytest.raises(FeedError, match="pass symbol="):
        open_recording(path)
    assert {row[2] for row in open_recording(path, "BTCUSDT").rows()} == {"BTCUSDT"}


@pytest.mark.parametrize(
    "line",
    [
        "1,61837.63,0.02,1,x,True,True",
        "1,61837.63,0.02,1,1723161255342,maybe,True",
        "1,-1,0.02,1,1723161255342,True,True",
        "1,1,0,1,1723161255342,True,True",
        "x,1,1,1,1723161255342,True,True",
        "1,61837.63",
    ],
)
def test_bad_line(tmp_path, line):
    """A bad line is refused with its number, or skipped, counted and kept."""
    path = _file(tmp_path, "BTCUSDT-trades-x.csv", [TRADES[0], line, "", TRADES[1]])
    with pytest.raises(FeedError, match="line 2"):
        list(open_recording(path).rows())
    feed = open_recording(path, on_bad="skip")
    assert [row[6] for row in feed.rows() if row[0] == TRADE] == [3_735_683_259, 3_735_683_260]
    assert feed.rows_by_kind == {"trade": 2, "bad": 1, "blank": 1}
    assert (feed.rows_read, feed.rows_skipped, len(feed.problems)) == (4, 2, 1)


def test_klines(tmp_path):
    """The archive's klines are candles; their volume all comes out."""
    lines = [
        "1735689600000000,93576.0,93610.93,93537.5,93610.93,8.21827,1735689659999999,768978.08,2631,3.95,369757.33,0",
        "1735689660000000,93610.93,93652.0,93606.2,93652.0,11.9094,1735689719999999,1.0,1,1.0,1.0,0",
    ]
    feed = open_recording(_file(tmp_path, "BTCUSDT-1m-2025-01.zip", lines))
    trades = [row for row in feed.rows() if row[0] == TRADE]
    assert feed.start == 1_735_689_600_000
    assert sum(row[4] for row in trades) == 821_827_000 + 1_190_940_000
    assert trades[3][1] == 1_735_689_659_999
