"""How a test's cassette is opened."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exec_plugin.binance.config import credentials
from exec_plugin.cassettes.tape import binance_vcr, offline

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
            repeats: answer the same request more often than it was recorded.
        """
        path = folder / (name or f"{_ODD.sub('_', test)}.yaml")
        if mode == "all":
            path.unlink(missing_ok=True)
        kind = "once" if mode == "all" else mode
        if kind == "none" and not path.is_file():
            msg = f"there is no cassette {path}: run pytest with --binance-record=once, which asks the exchange"
            raise FileNotFoundError(msg)
        known = (*credentials(), *credentials(testnet=True), *secrets)
        book = binance_vcr(kind, told=f"Recorded by {test}.", secrets=known)
        with book.use_cassette(str(path), allow_playback_repeats=repeats) as cassette:
            if kind != "none":
                yield cassette
                return
            with offline():
                yield cassette

    return use
