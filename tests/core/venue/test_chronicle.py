"""What accounts are told, numbered, to be told again."""

from __future__ import annotations

import json

import pytest
from harness import Run
from hypothesis import given, settings
from stage import Stage
from strategies import linked_streams

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.venue.chronicle import BALANCES, REPORT, Chronicle, owner, packed, unpacked


def plain(records):
    """Records as they are when they were written down and read."""
    return json.loads(json.dumps(records))


class Past:
    """What is written down of an account elsewhere."""

    def __init__(self, first, *records):
        self.first = first
        self.records = list(records)

    def oldest(self):
        return self.first if self.records else None

    def after(self, number, most):
        return [each for each in enumerate(self.records, self.first) if each[0] > number][:most]

    def write(self, chronicle):
        """Write down what there is."""
        fresh = chronicle.fresh("alice")
        self.records += unpacked(packed(fresh))
        chronicle.written("alice", chronicle.last("alice") + len(fresh))


@pytest.fixture
def stage():
    """A market with a book, whose events are noted."""
    found = Stage()
    found.chronicle = Chronicle(5)
    found.venue.listeners.append(found.chronicle)
    found.book({"99": "50"}, {"101": "50"})
    return found


def numbers(chronicle, after=0, name="alice", most=100):
    """The numbers of an account's events."""
    return [number for number, _ in chronicle.after(name, after, most)]


def test_numbers(stage):
    """Each account's events are numbered from 1, without gaps; the newest are kept."""
    stage.place("BUY", "LIMIT", "1", "95")
    stage.place("BUY", "LIMIT", "1", "96")
    assert numbers(stage.chronicle) == [1, 2, 3, 4]
    assert numbers(stage.chronicle, 2, most=1) == [3]
    stage.place("BUY", "MARKET", "1")
    assert numbers(stage.chronicle) == [3, 4, 5, 6, 7]
    assert (stage.chronicle.oldest("alice"), stage.chronicle.last("alice")) == (3, 7)
    assert (stage.chronicle.oldest("nobody"), stage.chronicle.last("nobody")) == (1, 0)
    assert numbers(stage.chronicle, name="nobody") == []


def test_records(stage):
    """A record tells of an order what it was then: the one before does not change when the order does."""
    order = stage.place("BUY", "LIMIT", "2", "95")
    stage.venue.amend(order, 10**8, client_id="")
    kinds = [
        (record[0], record[3] if record[0] == REPORT else "") for _, record in stage.chronicle.after("alice", 0, 9)
    ]
    assert kinds == [(REPORT, "NEW"), (BALANCES, ""), (REPORT, "REPLACED"), (BALANCES, "")]
    told = [record[-1][6] for _, record in stage.chronicle.after("alice", 0, 9) if record[0] == REPORT]
    assert told == [2 * 10**8, 10**8]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (1, "Events after 1 are gone: the oldest there is is 3, the newest 7."),
        (8, "after=8 is yet to come: the newest"),
    ],
)
def test_out_of_reach(stage, after, told):
    """Who asks for what is gone, or yet to come, is told what there is."""
    for _ in range(2):
        stage.place("BUY", "LIMIT", "1", "95")
    stage.place("BUY", "MARKET", "1")
    for fine in (2, 7):
        stage.chronicle.check("alice", fine)
    with pytest.raises(RequestRejected, match=told) as caught:
        stage.chronicle.check("alice", after)
    assert caught.value.code == -1130


def test_held(stage):
    """Of an account that is written down nothing is told before it is; what has not happened leaves no gap."""
    chronicle, past = stage.chronicle, Past(41)
    chronicle.keep("alice", 40, past)
    assert chronicle.oldest("alice") == 41
    stage.place("BUY", "LIMIT", "1", "95")
    assert (numbers(chronicle, 40), chronicle.last("alice"), len(chronicle.fresh("alice"))) == ([], 40, 2)
    past.write(chronicle)
    assert numbers(chronicle, 40) == [41, 42]
    stage.place("BUY", "LIMIT", "1", "96")
    chronicle.drop()
    stage.place("BUY", "MARKET", "1")
    past.write(chronicle)
    assert numbers(chronicle, 40) == [41, 42, 43, 44, 45]
    assert chronicle.fresh("bob") == chronicle.fresh("nobody") == ()
    assert chronicle.after("alice", 42, 1)[0][1][3:5] == ("NEW", "NEW")
    assert chronicle.oldest("alice") == 41
    chronicle.release()
    assert chronicle.last("alice") == 45
    stage.place("BUY", "MARKET", "1")
    assert numbers(chronicle, 45) == [46, 47, 48]


@settings(max_examples=50)
@given(linked_streams)
def test_rows(steps):
    """Whatever happens, the records of events in a row are those of each event by itself at its time."""
    run = Run()
    chronicle, alone = Chronicle(10**6), {}

    def hear(event):
        chronicle(event)
        alone.setdefault(owner(event).name, []).extend(plain(unpacked(packed([event]))))

    run.venue.listeners.append(hear)
    for step in steps:
        run.step(step)
    for name, records in alone.items():
        assert plain([record for _, record in chronicle.after(name, 0, 10**6)]) == records
        assert chronicle.last(name) == len(records)
        half = len(records) // 2
        assert plain([record for _, record in chronicle.after(name, half, 10**6)]) == records[half:]
        written = json.dumps(packed(chronicle._logs[name].events))
        assert plain(unpacked(json.loads(written))) == records
