"""A server that is killed again and again while writers trade loses nothing that it acknowledged."""

from __future__ import annotations

import pytest
from journal.crashing import Trial
from journal.postgres_server import postgres_server

#: The whole trial is a benchmark: ``python benchmarks/crash.py``.
KILLS = 5


@pytest.mark.slow
def test_kills(tmp_path):
    """Every acknowledged order, fill and cancel is there, none is half there, money adds up, and no id repeats."""
    url = f"sqlite:///{tmp_path}/accounts.sqlite"
    trial = Trial(tmp_path, url)
    trial.lives(KILLS, "order accepted", 200)
    tally = trial.end()
    assert trial.details == []
    assert tally["orders acknowledged"] >= 200
    assert tally["cancels acknowledged"] > 10
    assert tally["fills"] > 50


@pytest.mark.slow
def test_kills_on_postgres(tmp_path, postgres):
    """The same over a PostgreSQL server."""
    postgres.clear()
    trial = Trial(tmp_path, postgres.url)
    trial.lives(KILLS - 2, "order accepted", 50)
    tally = trial.end()
    assert trial.details == []
    assert tally["orders acknowledged"] >= 50


@pytest.mark.slow
def test_failover(tmp_path, postgres):
    """Of two servers over one database one is killed while both trade; a third goes on with its account."""
    postgres.clear()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    mortal = Trial(tmp_path / "a", postgres.url, accounts=("alice",))
    other = Trial(tmp_path / "b", postgres.url, accounts=("bob",))
    second = other.server()
    writers = other.write(second)
    first = mortal.server()
    with pytest.raises(AssertionError, match=r"'alice' in .* is in use by process \d+ on .* since"):
        mortal.server()
    doomed = mortal.write(first)
    doomed[0].join(0.5)
    mortal.end_life(first, doomed)
    # somebody else, at once
    mortal.lives(1, "order accepted", 20)
    other.end_life(second, writers)
    for trial in (mortal, other):
        assert trial.end()["orders acknowledged"] >= 20
        assert trial.details == []


@pytest.mark.slow
def test_database_restarts(tmp_path):
    """While the database is away accounts are refused; when it is back all that was acknowledged is there."""
    with postgres_server() as database:
        trial = Trial(tmp_path, database.url, accounts=("alice",))
        server = trial.server()
        client = server.client("alice")
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
        status, first = client.ask("POST", "/api/v3/order", **order, price="30000")
        assert status == 200
        database.stop()
        status, reply = client.ask("POST", "/api/v3/order", **order, price="30000")
        assert (status, reply["code"]) == (503, -1001)
        database.start()
        while (found := client.ask("GET", "/api/v3/openOrders"))[0] == 503:
            pass
        assert [each["orderId"] for each in found[1]] == [first["orderId"]]
        assert client.ask("POST", "/api/v3/order", **order, price="30000")[0] == 200
        client.close()
        server.kill()
