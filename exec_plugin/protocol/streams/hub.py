"""All streams of an exchange: made when somebody subscribes, gone when nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exec_plugin.core.units import FAR
from exec_plugin.protocol.streams.books import Book
from exec_plugin.protocol.streams.names import make_topic
from exec_plugin.protocol.streams.session import StreamSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exec_plugin.core.matching import Market
    from exec_plugin.core.venue import Venue
    from exec_plugin.protocol.gateway import Gateway
    from exec_plugin.protocol.streams.topics import Topic

#: How often time may stop on its way to a moment; a longer leap is made in one.
MOST_STOPS = 10_000


class StreamHub:
    """
    The market streams of a gateway's venue, used under its owner's lock.

    It sees the market by looking: whoever moves the market calls ``flush``, and ``advance`` in place of moving the
    venue's clock, as long as ``busy`` says that somebody listens. Nobody else is ever slowed down.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.venue: Venue = gateway.venue
        #: the next moment at which a stream has something to say
        self.due = FAR
        #: markets by the lower-case names that streams go by
        self.listed: dict[str, Market] = {name.lower(): market for name, market in self.venue.markets.items()}
        self._books: dict[str, Book] = {}
        self._topics: dict[str, Topic] = {}
        # apart, because most streams wait for their turn and the market moves far more often
        self._polled: tuple[Topic, ...] = ()
        self._flushing = self._moved = False

    @property
    def busy(self) -> bool:
        """Whether anybody listens to the market."""
        return bool(self._topics)

    @property
    def subscriptions(self) -> int:
        """How many listen, to each stream counted apart."""
        return sum(len(topic.sessions) for topic in self._topics.values())

    def book(self, symbol: str) -> Book:
        """The book of a listed symbol, which knows its id."""
        found = self._books.get(symbol)
        if found is None:
            found = self._books[symbol] = Book(self.venue, self.venue.market(symbol))
        return found

    def open(
        self, push: Callable[[str], None], *, names: Sequence[str] = (), combined: bool = False, micros: bool = False
    ) -> StreamSession:
        """
        A connection.

        Args:
            push: takes each text for the client; a connection whose push raises is closed.
            names: the streams in the URL.
            combined: whether events are wrapped with the name of their stream, as under ``/stream``.
            micros: whether moments are in microseconds (``timeUnit=MICROSECOND``).

        Raises:
            RequestRejected: -1101 for more names than a connection may listen to.
        """
        return StreamSession(self, push, names, combined=combined, micros=micros)

    def join(self, name: str, session: StreamSession) -> None:
        """Let a session listen to a stream; a name that means nothing is as silent as on Binance."""
        topic = self._topics.get(name) or make_topic(self, name)
        if topic is not None:
            if name not in self._topics:
                self._topics[name] = topic
                self._polled = tuple(one for one in self._topics.values() if one.polls)
            topic.join(session)
            self.due = min(self.due, topic.due)

    def leave(self, name: str, session: StreamSession) -> None:
        """Let a session go from a stream."""
        topic = self._topics.get(name)
        if topic is not None:
            topic.leave(session)
            if not topic.sessions:
                del self._topics[name]
                self._polled = tuple(one for one in self._topics.values() if one.polls)
                topic.close()

    def flush(self) -> None:
        """Push what is due; called by whoever moved the market."""
        self._moved = True
        if self._flushing:
            # a client has acted on what it was pushed: once all have heard that, they hear this
            return
        self._flushing = True
        try:
            while self._moved and self._topics:
                self._moved = False
                self._look()
        finally:
            self._flushing = False

    def _look(self) -> None:
        for topic in self._polled:
            topic.poll()
        now = self.venue.now
        if self.due <= now:
            for topic in tuple(self._topics.values()):
                if topic.due <= now:
                    topic.tick()
            self.due = min([topic.due for topic in self._topics.values()], default=FAR)

    def advance(self, moment: int) -> None:
        """Let the venue's time pass up to a moment, stopping where a stream is due before it."""
        stops = MOST_STOPS
        while self.due < moment and stops and self._topics:
            self.venue.advance(self.due)
            self.flush()
            stops -= 1
        self.venue.advance(moment)

    def __repr__(self) -> str:
        return f"<StreamHub {len(self._topics)} streams>"
