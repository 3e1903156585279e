"""A scripted exchange with somebody who listens to its streams."""

from __future__ import annotations

import json

from signing_client import Client


class Ear:
    """One connection: what it hears, parsed."""

    def __init__(self, hub, *names, **options):
        self.texts = []
        self.session = hub.open(self.texts.append, names=names, **options)

    def heard(self):
        """What came since the last time."""
        found = [json.loads(text) for text in self.texts]
        self.texts.clear()
        return found

    def one(self):
        """The only thing that came since the last time."""
        (found,) = self.heard()
        return found

    def say(self, method, *params, id=1):  # noqa: A002  the frame's own name
        """Write a control frame; answers what comes back at once."""
        frame = {"method": method, "id": id, **({"params": list(params)} if params else {})}
        self.session.receive(json.dumps(frame))
        return self.one()


class Place(Client):
    """The signing client's exchange, with ears."""

    @property
    def hub(self):
        return self.gateway.streams

    def listen(self, *names, **options):
        """Open a connection to streams of BTCUSDT, named without the symbol, or by their whole name."""
        whole = [name if name.startswith(("!", "btcusdt@", "ltcbtc@")) else f"btcusdt@{name}" for name in names]
        return Ear(self.hub, *whole, **options)


def only(events, kind):
    """The events of a kind."""
    return [event for event in events if event.get("e") == kind]
