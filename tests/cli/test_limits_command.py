"""``exec-plugin limits``: the budget of this machine as people and programs see it."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import pytest
from limit_store.redis_server import redis_server

from exec_plugin import rate_limit
from exec_plugin.limit_store import state_path
from exec_plugin.rate_limit import AdaptiveRateLimiter

HOST = "api.binance.com"
NOW = 28_333_333 * 60 + 20.0
# the package's attribute of that name is the command
command = import_module("exec_plugin.cli.limits")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A state folder of the test's own, where it always is 20 s past a full minute."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    monkeypatch.setattr(rate_limit, "AdaptiveRateLimiter", make)
    return tmp_path


def make(**arguments):
    """A limiter whose time stands still."""
    return AdaptiveRateLimiter(clock=lambda: NOW, monotonic=lambda: 5000.0, **arguments)


@pytest.fixture
def limiter():
    """A limiter of another process, as it were, that has spent 1,500 of weight."""
    limiter = make()
    spend(limiter, 1500, 1500)
    yield limiter
    limiter.close()


@pytest.fixture
def watched(monkeypatch):
    """What happens between two looks, in order; then Ctrl-C."""
    between = []

    class Pause:
        def wait(self, seconds):
            if not between:
                raise KeyboardInterrupt
            between.pop(0)()

    monkeypatch.setattr(command, "Event", Pause)
    return between


def spend(limiter, used, weight=1, status=200, **headers):
    """A request that is answered with a counter."""
    reservation = limiter.reserve_blocking(weight, kind="cancel", max_wait=1)
    told = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    limiter.settle(reservation, status, {"X-MBX-USED-WEIGHT-1M": str(used), **told})


def row(text, name):
    """The line that begins with a name."""
    [found] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return found


def test_nothing_yet(call, home):
    """Where nobody has spent anything it says so, and leaves no file behind."""
    result = call("limits")
    assert result.exit_code == 0
    assert "no budget yet" in result.stdout
    assert str(state_path(HOST)) in result.stdout
    assert list(home.iterdir()) == []


def test_nothing_yet_json(call):
    """The same for programs."""
    assert json.loads(call("limits", "--json").stdout) == {"host": HOST, "account": "default", "buckets": {}}


def test_used(call, limiter):
    """Each window has a bar, what is used of it, and when it ends."""
    text = call("limits").stdout
    assert "1,500 of   6,000   25%  0 in flight, resets in " in row(text, "weight")
    assert sum(map(row(text, "weight").count, "█#")) == round(command.BAR / 4)
    assert [row(text, f"orders {window}") != "" for window in ("10s", "1d")] == [True, True]
    assert row(text, "blocked").split() == ["blocked", "no"]
    assert row(text, "last answer").endswith(" ago")


def test_in_flight(call, limiter):
    """What is on its way is shown behind what is used."""
    flying = limiter.reserve_blocking(600, kind="cancel")
    line = row(call("limits").stdout, "weight")
    assert "600 in flight" in line
    assert sum(map(line.count, "▒+")) == command.BAR / 10
    limiter.withdraw(flying)


@pytest.mark.parametrize(("status", "banned"), [(429, False), (418, True)])
def test_blocked(call, limiter, status, banned):
    """After a refusal it says until when all are silent, and whether it is a ban."""
    spend(limiter, 6001, status=status, Retry_After=90)
    text = call("limits").stdout
    assert "(for 1m 30s)" in row(text, "blocked") or "(for 1m 29s)" in row(text, "blocked")
    assert row(text, "blocked").endswith(", banned") == banned


def test_careful(call, limiter):
    """After errors it says how much of the windows is used."""
    assert "factor" not in call("limits").stdout
    limiter.record_error("rate_limit")
    assert "80% of the windows is used" in row(call("limits").stdout, "factor")


def test_json(call, limiter):
    """JSON is the limiter's own status."""
    status = json.loads(call("limits", "--json").stdout)
    assert status["buckets"]["weight"]["used"] == 1500
    assert status.keys() == limiter.get_status().keys()


def test_other_host(call, limiter):
    """Another host has another budget."""
    assert "no budget yet" in call("limits", "--host", "testnet.binance.vision").stdout


def test_file(call, tmp_path):
    """A file may be named."""
    path = tmp_path / "mine"
    limiter = make(store=path)
    spend(limiter, 300, 300)
    assert "300 of" in call("limits", "--store", path).stdout
    limiter.close()


def test_watch(call, watched, limiter):
    """It is shown again until Ctrl-C, which is no failure."""
    watched += [lambda: spend(limiter, 2000, 500), lambda: spend(limiter, 2500, 500)]
    result = call("limits", "--watch")
    assert result.exit_code == 0
    assert [line.split(" of ")[0].split()[-1] for line in result.stdout.splitlines() if line.startswith("weight")] == [
        "1,500",
        "2,000",
        "2,500",
    ]


def test_watch_json(call, watched):
    """With --json each look is one line, also before there is anything to see."""
    made = []

    def spend_first():
        made.append(make())
        spend(made[0], 10, 10)

    watched.append(spend_first)
    looks = [json.loads(line) for line in call("limits", "--watch", "--json").stdout.splitlines()]
    assert [look["buckets"].get("weight", {}).get("used") for look in looks] == [None, 10]
    made[0].close()


def test_memory(call):
    """A budget in memory is seen by its own process only."""
    result = call("limits", "--store", "memory")
    assert result.exit_code == 2
    assert "its own process only" in result.stderr


def test_no_home(call, monkeypatch):
    """A user without a home is told how to name a budget."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("EXEC_PLUGIN_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(command.Path, "home", homeless)
    result = call("limits")
    assert result.exit_code == 2
    assert "EXEC_PLUGIN_HOME" in result.stderr


def test_redis(call):
    """A budget in Redis is shown, without its password; no server is one line and exit code 2."""
    with redis_server() as server:
        limiter = make(store=server.store)
        spend(limiter, 1200, 1200)
        text = call("limits", "--store", server.store).stdout
        assert "1,200 of" in row(text, "weight")
        limiter.close()
    result = call("limits", "--store", server.store.replace("//", "//user:secret@"))
    assert result.exit_code == 2
    assert "nobody answers there" in result.stderr
    assert "secret" not in result.stderr + result.stdout


def test_plain_terminal(monkeypatch):
    """Where blocks cannot be written the bar is made of signs that can."""

    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", Ascii())
    assert command._bar(500, 250, 1000) == "#" * 15 + "+" * 8 + "." * 7


def test_no_ccxt(limiter):
    """Looking needs no ccxt, so that it is quick."""
    import subprocess

    script = "import sys; from exec_plugin.cli import main; main(['limits'], standalone_mode=False)"
    script += "; print('ccxt' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).endswith("False\n")
