"""A process that trades and listens until it is killed: ``listening_process.py FOLDER trade|finish``."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from account.listening_desk import Desk


def main(folder, what):
    """Trade for ever and print a line for each event that is heard; or hear what is left, and print how many there are."""
    effects = sqlite3.connect(folder / "effects.sqlite", isolation_level=None)
    effects.execute("CREATE TABLE IF NOT EXISTS effects (seq INTEGER UNIQUE)")
    heard = (folder / "heard").open("a", encoding="utf-8", buffering=1)

    def hear(event):
        heard.write(f"{event.seq}\n")
        if what == "trade":
            print(event.seq, flush=True)  # noqa: T201 - whoever kills it counts

    desk = Desk(folder)
    position = effects.execute("SELECT coalesce(max(seq), 0) FROM effects").fetchone()[0]
    desk.account.listen(
        "exact", lambda event: effects.execute("INSERT INTO effects VALUES (?)", (event.seq,)), after=position
    )
    desk.account.listen("simple", hear, **({} if position or (folder / "begun").exists() else {"after": 0}))
    (folder / "begun").touch()
    while what == "trade":
        desk.trade()
    print(desk.exchange.gateway.user_data.chronicle.last("default"))  # noqa: T201
    desk.exchange.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
