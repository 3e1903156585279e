"""How a test's cassette is opened."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exec_plugin.binance.config import credentials
from exec_plugin.cassettes.tape import binance_vcr, replaying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_ODD = re.compile(r"[^\w.-]+")


def cassette_of(folder: Path, test: str, mode: str) -> Callable[..., AbstractContextManager[Any]]:
    """What opens cassettes of a test: in its folder, by its name unless another is given."""

    @contextmanager
    def use(name: str | Path | None = None, *, secrets: Iterable[str] = (), repeats: bool = False) -> Iterator[Any]:
        """
        Replay a cassette, or record it where that was asked for.

        Args:
            name: of the file, or its path.
            secrets: further values that must not be written. Keys, signatures and account ids never are, nor what the
                environment has as key and secret.
            repeats: when a request is made more often than it was recorded, give its last answer again.
        """
        path = folder / (name or f"{_ODD.sub('_', test)}.yaml")
        if mode == "all":
            path.unlink(missing_ok=True)
        if mode == "none" and not path.is_file():
            msg = f"there is no cassette {path}: run pytest with --binance-record=once, which asks the exchange"
            raise FileNotFoundError(msg)
        if path.is_file():
            with replaying(path, repeats=repeats) as cassette:
                yield cassette
            return
        known = (*credentials(), *credentials(testnet=True), *secrets)
        book = binance_vcr("once", told=f"Recorded by {test}.", secrets=known)
        with book.use_cassette(str(path)) as cassette:
            yield cassette

    return use
