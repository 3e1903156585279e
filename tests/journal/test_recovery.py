"""Whatever happens on a venue, what was acknowledged is there again after a crash, and nothing else is."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import POOR, Run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from journal.desk import Clock, Numbering, picture
from strategies import crossing, crossings, linked_streams, symbol
from watch import Watch

import exec_plugin.journal.book as book_module
from exec_plugin.core.fill_models import FILL_MODELS
from exec_plugin.core.venue import Venue
from exec_plugin.journal import Journal, open_store

NAMES = [f"account {number}" for number in range(3)]


class Kept:
    """The venue of the core's random tests, written down after every step."""

    def __init__(self, folder, **options):
        self.path = Path(folder) / "accounts.sqlite"
        self.run = Run(**options)
        self.run.venue.listeners.clear()
        self.clock = Clock()
        self.store = open_store(f"sqlite:///{self.path}", "off")
        self.journal = Journal(self.store, "test", self.run.venue, Numbering(), clock=self.clock)
        self.journal.open(dict.fromkeys(NAMES, POOR))

    def step(self, step):
        """Play a step and write it down, with what moved without an event."""
        self.run.step(step)
        self.clock.now += 2
        assert self.journal.settle()

    def start(self, step):
        """Play a step and begin to write it down, once what was begun before is written."""
        self.run.step(step)
        self.clock.now += 2
        return self.journal.start()

    def reopened(self, folder, last=None, **options):
        """The accounts as somebody finds them who comes after a crash at this moment, and a market that was last there."""
        for path in self.path.parent.glob("accounts.sqlite*"):
            if "lease" not in path.name:
                shutil.copy(path, folder)
        venue = Venue([symbol(orders=12, algo=3)], **options)
        venue.markets[self.run.name].last = self.run.market.last if last is None else last
        store = open_store(f"sqlite:///{folder}/accounts.sqlite", "off")
        journal = Journal(store, "test", venue, Numbering(), clock=self.clock)
        journal.open({name: {} for name in NAMES})
        return venue, journal


@contextmanager
def folders():
    """Two folders: of the one that crashes and of the one that comes after."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        yield first, second


@pytest.mark.parametrize("fill_model", FILL_MODELS)
@settings(max_examples=30)
# stops that are triggered in another order than they were placed in
@example(crossing(1378060), 10, 2)
@given(st.one_of(linked_streams, crossings), st.integers(0, 60), st.sampled_from([2, 7, 2000]))
def test_crash(fill_model, steps, end, fold_at):
    """After any number of steps all accounts are found as they were: orders, queues, stops, lists, fills, money."""
    with folders() as (first, second), pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "FOLD_AT", fold_at)
        kept = Kept(first, fill_model=fill_model)
        for step in steps[: end + 1]:
            kept.step(step)
        venue, journal = kept.reopened(second, fill_model=fill_model)
        assert picture(venue) == picture(kept.run.venue)
        accounts = list(venue.accounts.values())
        for name, market in venue.markets.items():
            ids = [record[0] for account in accounts for desk in account.desks.values() for record in desk.records]
            # what others traded meanwhile is nobody's
            assert max(ids, default=0) <= market.trade_id <= kept.run.venue.markets[name].trade_id
        Watch(venue, accounts, {asset: units * 3 for asset, units in POOR.items()}).check()
        journal.close()
        kept.store.close()


@settings(max_examples=20)
@given(st.one_of(linked_streams, crossings), st.integers(0, 60), st.sampled_from([2, 7]), st.booleans())
@example(crossing(978), 24, 2, False)
def test_crash_under_way(steps, end, fold_at, done):
    """Where accounts go on while a step is written down, a crash leaves what was written, and nothing of what came then."""
    with folders() as (first, second), pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "FOLD_AT", fold_at)
        kept = Kept(first)
        written = under_way = picture(kept.run.venue), kept.run.market.last
        for step in steps[: end + 1]:
            commit = kept.start(step)
            written, under_way = under_way, (picture(kept.run.venue), kept.run.market.last)
        if commit is None or done:
            written = under_way
        if commit is not None and done:
            commit()
        # a market that has gone on meanwhile may set stops off
        venue, journal = kept.reopened(second, last=written[1])
        assert picture(venue) == written[0]
        assert kept.journal.finish()
        assert picture(kept.run.venue) == under_way[0]
        journal.close()
        kept.store.close()


@settings(max_examples=20)
@given(linked_streams, linked_streams)
def test_goes_on(before, after):
    """What is found can be traded on, and found again."""
    with folders() as (first, second), tempfile.TemporaryDirectory() as third:
        kept = Kept(first)
        for step in before:
            kept.step(step)
        kept.store.close()
        venue, journal = kept.reopened(second)
        run = kept.run
        run.venue, run.market = venue, venue.markets[run.name]
        run.accounts = list(venue.accounts.values())
        kept.journal, kept.path = journal, Path(second) / "accounts.sqlite"
        for step in after:
            kept.step(step)
            run.check()
        again, last = kept.reopened(third)
        assert picture(again) == picture(venue)
        journal.close()
        last.close()
