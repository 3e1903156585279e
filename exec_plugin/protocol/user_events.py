"""Who is told what happens to an account: from now on, or from a number on and with the number of each event."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import JournalError, failed
from exec_plugin.core.venue.chronicle import Chronicle, owner
from exec_plugin.protocol.user_data import in_micros, payload, rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exec_plugin.core.events import Event
    from exec_plugin.core.venue import Venue
    from exec_plugin.core.venue.chronicle import Record
    from exec_plugin.protocol.context import Context
    from exec_plugin.protocol.departures import Departures

    #: Takes an event.
    Sink = Callable[[dict[str, Any]], None]
    #: Takes the number of an event and the event.
    NumberedSink = Callable[[int, dict[str, Any]], None]

_log = logging.getLogger(__name__)

#: How many events are read at a time.
AT_ONCE = 500
#: How many a request answers, by default and at most.
_USUAL, _MOST = 500, 1000


@contextmanager
def _readable() -> Iterator[None]:
    """What cannot be read at the moment is refused as what cannot be written is."""
    try:
        yield
    except JournalError as error:
        raise failed(str(error)) from error


class NotHeard(Exception):
    """An event could not be told; it is to be told again."""


class Follower:
    """
    Tells all events of an account after a number, in order and each once.

    All it tells it reads from the chronicle, what is long past and what has just happened alike: so there is no seam
    between the two at which one could be missed or doubled.

    Args:
        chronicle: of the venue.
        account: whose events.
        after: the number of the last event that is known already.
        tell: takes number and event; where it raises NotHeard the event is told again in the next turn.
        paced: whether a turn tells so many at most, for those who cannot take all at once.
    """

    def __init__(
        self, chronicle: Chronicle, account: str, after: int, tell: NumberedSink, *, paced: bool = False
    ) -> None:
        self.account = account
        #: the number of the last event that was told
        self.seq = after
        self._chronicle = chronicle
        self._tell = tell
        self._paced = paced
        self._is_telling = False
        self._problem = ""
        #: whether nothing is told any more
        self.is_over = False

    def go_on(self) -> None:
        """Tell what there is to tell."""
        if self._is_telling:
            # it has acted on what it was told, and hears of that when it is through
            return
        self._is_telling = True
        try:
            while not self.is_over and self._turn() and not self._paced:
                pass
        except NotHeard:
            return
        except JournalError as error:
            # this is tried many times a second, and need not be told as often
            if str(error) != self._problem:
                self._problem = str(error)
                _log.warning("events of account %r cannot be read at the moment: %s", self.account, error)
        finally:
            self._is_telling = False

    def _turn(self) -> bool:
        """Tell some; whether there were any."""
        events = self._chronicle.after(self.account, self.seq, AT_ONCE)
        if events and events[0][0] > self.seq + 1:
            gone = (self.seq + 1, events[0][0] - 1)
            _log.error("events %d to %d of account %r are gone before everybody has heard them", *gone, self.account)
        for number, record in events:
            if self.is_over:
                break
            self._tell(number, rendered(record))
            self.seq = number
        return bool(events)

    def close(self) -> None:
        """Tell nothing any more."""
        self.is_over = True


class UserDataHub:
    """
    Hands a venue's events to those who listen to their account; its ``chronicle`` numbers and notes them.

    Used under its owner's lock.
    """

    def __init__(self, venue: Venue, departures: Departures, chronicle: Chronicle | None = None) -> None:
        self.chronicle = Chronicle() if chronicle is None else chronicle
        self._departures = departures
        self._sinks: dict[str, list[Sink]] = {}
        self._followers: dict[str, list[Follower]] = {}
        #: how often an event is told by its name, where faults are rehearsed
        self.copies: Callable[[str], int] | None = None
        self._venue = venue
        self.chronicle.attend(venue.listeners)

    def subscribe(self, account: str, sink: Sink) -> None:
        """Send an account's payloads to ``sink`` from now on."""
        self._sinks.setdefault(account, []).append(sink)
        self._hear()

    def unsubscribe(self, account: str, sink: Sink) -> None:
        """Send nothing to ``sink`` any more; may be called again."""
        sinks = self._sinks.get(account, [])
        if sink not in sinks:
            return
        sinks.remove(sink)
        if not sinks:
            del self._sinks[account]
            self._hear()

    def follow(self, account: str, after: int, sink: NumberedSink, paced: bool = False) -> Follower:  # noqa: FBT001, FBT002
        """
        Who sends all of an account's events after a number to ``sink``, from when he has joined.

        Raises:
            RequestRejected: -1130 when some of them are gone, or the number was not given yet.
        """

        def tell(number: int, event: dict[str, Any]) -> None:
            for _ in range(self.copies(event["e"]) if self.copies is not None else 1):
                sink(number, event)

        self.chronicle.begin(account)
        with _readable():
            self.chronicle.check(account, after)
        return Follower(self.chronicle, account, after, tell, paced=paced)

    def join(self, follower: Follower) -> None:
        """Have somebody told of his account's events, those of the past after what is on its way already."""
        self._followers.setdefault(follower.account, []).append(follower)
        self._hear()
        self._departures.leave(follower.go_on)

    def leave(self, follower: Follower) -> None:
        """Have somebody told nothing any more; may be called again."""
        if not follower.is_over:
            follower.close()
        followers = self._followers.get(follower.account, [])
        if follower in followers:
            followers.remove(follower)
            if not followers:
                del self._followers[follower.account]
                self._hear()

    def go_on(self) -> None:
        """Tell those who are behind; called now and then."""
        for followers in tuple(self._followers.values()):
            for follower in tuple(followers):
                follower.go_on()

    def events(self, account: str, after: int, most: int) -> list[tuple[int, dict[str, Any]]]:
        """At most so many of an account's events after a number that are there, by their numbers, oldest first."""
        found: list[tuple[int, Record]] = []
        with _readable():
            while len(found) < most and (more := self.chronicle.after(account, after, most)):
                found += more
                after = more[-1][0]
        return [(number, rendered(record)) for number, record in found[:most]]

    @property
    def subscriptions(self) -> int:
        """How many listen."""
        return sum(map(len, self._sinks.values())) + sum(map(len, self._followers.values()))

    def _hear(self) -> None:
        """Hear of the venue's events as long as somebody listens."""
        listeners, is_wanted = self._venue.listeners, bool(self._sinks or self._followers)
        if is_wanted and self._on_event not in listeners:
            listeners.append(self._on_event)
        elif not is_wanted and self._on_event in listeners:
            listeners.remove(self._on_event)

    def _on_event(self, event: Event) -> None:
        name = owner(event).name
        for follower in self._followers.get(name, ()):
            self._departures.leave(follower.go_on)
        sinks = self._sinks.get(name)
        if sinks:
            told = payload(event)
            copies = self.copies(told["e"]) if self.copies is not None else 1
            # a sink may end its own subscription
            for sink in tuple(sinks) * copies:
                self._departures.leave(partial(sink, told))


def _events(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """
    ``paper.events``, which is ours: an account's events after a number, and which there are.

    Raises:
        RequestRejected: -1130 when some of them are gone, or the number was not given yet.
    """
    hub, name = context.gateway.user_data, context.account.name
    limit = min(params.get("limit", _USUAL), _MOST)
    found: list[tuple[int, dict[str, Any]]] = []
    hub.chronicle.begin(name)
    with _readable():
        oldest = hub.chronicle.oldest(name)
        if "after" in params:
            hub.chronicle.check(name, params["after"])
            found = hub.events(name, params["after"], limit)
    return {
        "events": [{"seq": number, "event": event} for number, event in found],
        "oldest": oldest,
        "last": hub.chronicle.last(name),
    }


def reply_in_micros(reply: dict[str, Any]) -> dict[str, Any]:
    """Such a reply with its moments in microseconds."""
    return {**reply, "events": [{**each, "event": in_micros(each["event"])} for each in reply["events"]]}


HANDLERS: dict[str, Callable[[Context, dict[str, Any]], Any]] = {"paper.events": _events}
