"""`exec-plugin demo`, from words to printed result."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

LABELS = [
    "Orders",
    "Fills",
    "Fees",
    "Realized P&L",
    "Unrealized P&L",
    "Equity",
    "Equity change",
    "Buy and hold",
    "No trading",
    "Market rows",
    "Speed",
]
#: A grid so tight that a few minutes fill some of it.
QUICK = ["demo", "--duration", "5m", "--spacing", "0.02"]


def _figures(stdout):
    return {line[:16].strip(): line[16:] for line in stdout.splitlines()[2:]}


def _steady(stdout):
    """The result without the one line that may differ."""
    return [line for line in stdout.splitlines() if not line.startswith("Speed")]


def _number(text):
    return float(re.search(r"[\d.]+", text)[0])


def test_synthetic(call):
    """Without options a synthetic market is played, and every figure is printed."""
    result = call(*QUICK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("BTC/USDT, 2025-01-01 00:00:00 to 2025-01-01 00:05:0")
    figures = _figures(result.stdout)
    assert list(figures) == LABELS
    assert _number(figures["Fills"]) > 0
    assert re.fullmatch(r"[\d,]+ rows/s, [\d,]+ events/s \([\d,]+ events in [\d.]+ s\)", figures["Speed"])


def test_same_seed(call):
    """One seed, one result, although ccxt draws its client order ids at random."""
    first, second = (call(*QUICK, "--seed", 5).stdout for _ in range(2))
    assert _steady(first) == _steady(second)


def test_same_seed_elsewhere():
    """Another process with another hash seed prints the same too."""
    command = [sys.executable, "-m", "exec_plugin", *QUICK]
    runs = [
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    ]
    assert _steady(runs[0]) == _steady(runs[1])


def test_other_seed(call):
    """Another seed is another market."""
    assert _steady(call(*QUICK).stdout) != _steady(call(*QUICK, "--seed", 1).stdout)


def test_recording(call, recording):
    """A recording is played to its end, with the symbol found in it and money on both sides."""
    result = call("demo", "--recording", recording)
    assert result.exit_code == 0
    assert result.stdout.startswith("ETH/USDT, 2024-08-08 23:54:15 to 2024-08-08 23:5")
    figures = _figures(result.stdout)
    assert figures["Orders"].startswith(tuple("123456789"))
    assert 9_990 < _number(figures["Equity"]) <= 10_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("ethusdt", 33_618), ("btcusdt", 41_249)])
def test_whole_recording(call, shared, name, rows):
    """No row of the real recordings is lost, and the grid trades on them."""
    figures = _figures(call("demo", "--recording", shared / "data" / "market" / f"{name}_20240808.gz").stdout)
    assert figures["Market rows"] == str(rows)
    assert _number(figures["Fills"]) > 0


def test_recording_in_part(call, recording):
    """A duration ends a recording early."""
    whole, part = call("demo", "--recording", recording), call("demo", "--recording", recording, "--duration", "10s")
    assert _number(_figures(part.stdout)["Market rows"]) < _number(_figures(whole.stdout)["Market rows"])


def test_broken_recording(call, recording):
    """A recording that breaks off is refused with its line, or played as far as it goes."""
    recording.write_bytes(recording.read_bytes()[:-2000])
    refused = call("demo", "--recording", recording)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert re.fullmatch(r"Error: .*ethusdt\.gz, line \d+: the gzip file breaks off\n", refused.stderr)
    assert call("demo", "--recording", recording, "--on-bad", "skip").exit_code == 0


def test_symbol(call):
    """A symbol may be written as ccxt or as Binance writes it."""
    plain, unified = (call(*QUICK, "--symbol", name).stdout for name in ("ethbtc", "ETH/BTC"))
    assert plain.startswith("ETH/BTC, ")
    assert _steady(plain) == _steady(unified)


def test_balances(call):
    """Balances are what was asked for; with quote alone the bot buys what it needs to sell."""
    figures = _figures(call(*QUICK, "--balance", "usdt=2000").stdout)
    assert figures["Equity"].startswith("2000.000 to ")
    assert "1 of them" not in figures["Fills"].partition(";")[0]


def test_levels(call):
    """The grid has as many orders on each side as asked for."""
    assert _figures(call("demo", "--duration", "10s", "--levels", 3).stdout)["Orders"] == "6: 6 canceled"


def test_speed(call):
    """A factor of the wall clock works as well as full speed."""
    result = call("demo", "--speed", "20", "--duration", "5s")
    assert result.exit_code == 0
    assert re.search(r"\(0:00:\d\d\)$", result.stdout.splitlines()[0])


def test_report(call, tmp_path):
    """The report is a page of its own, with the figures that were printed."""
    path = tmp_path / "result.html"
    result = call(*QUICK, "--report", path)
    assert result.stderr == f"report: {path}\n"
    html = path.read_text(encoding="utf-8")
    assert _figures(result.stdout)["Equity"] in html
    assert "<svg" in html


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--recording", "nowhere.gz"], "File 'nowhere.gz' does not exist"),
        (["--symbol", "BTCUSD"], "has no BTCUSD: did you mean 'BTCUSDT'?"),
        (["--balance", "USDT"], "'USDT' is not an amount such as USDT=5000"),
        (["--balance", "USDT=-1"], "'USDT=-1' is not an amount"),
        (["--balance", "USDT=nan"], "'USDT=nan' is not an amount"),
        (["--balance", "USDT=0.000000001"], "at most 8 decimals"),
        (["--balance", "USDT=1", "--balance", "usdt=2"], "USDT is given twice"),
        (["--balance", "USDT=0"], "cannot be traded without money"),
        (["--balance", "DOGE=5"], "give the account USDT or BTC"),
        (["--speed", "0"], "is 'max', 'real' or a factor"),
        (["--speed", "quick"], "is 'max', 'real' or a factor"),
        (["--speed", "nan"], "is 'max', 'real' or a factor"),
        (["--duration", "0s"], "'0s' is not a time such as"),
        (["--duration", "4"], "'4' is not a time such as 90s, 45m, 4h or 2d"),
        (["--levels", "0"], "0 is not in the range"),
        (["--spacing", "nan"], "'nan' is not a number of percent"),
        (["--spacing", "0"], "'0' is not a number of percent"),
        (["--spacing", "51"], "above 0 and up to 50"),
        (["--seed", "x"], "'x' is not a valid integer"),
        (["--report", "no/where.html"], "cannot be written: is its folder there"),
    ],
    ids=" ".join,
)
def test_refused(call, words, text):
    """What cannot be meant is refused with what could be, and exit code 2."""
    result = call("demo", *words, "--duration", "1s") if "--duration" not in words else call("demo", *words)
    assert text in result.output
    assert (result.exit_code, result.stdout) == (2, "")


def test_not_a_recording(call, tmp_path):
    """A file of something else is told by its begin."""
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")
    result = call("demo", "--recording", path)
    assert result.exit_code == 2
    assert "is no recording that can be read: it begins with 'dear diary'" in result.stderr


def test_wrong_symbol(call, recording):
    """A symbol that is not in the recording is told together with the one that is."""
    result = call("demo", "--recording", recording, "--symbol", "BTC/USDT")
    assert result.exit_code == 2
    assert "BTCUSDT not found in the first lines, which show ETHUSDT" in result.stderr
