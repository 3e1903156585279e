"""vcrpy as cassettes of Binance need it: nothing secret is written, and replay needs neither network nor time."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exec_plugin.cassettes import scrubbing
from exec_plugin.cassettes.player import Player
from exec_plugin.core.errors import ConfigError, ExecPluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import vcr

#: Scheme and host are left out: a request is the same wherever it is sent.
MATCH_ON = ("method", "path", "query", "body")


class SecretLeak(ExecPluginError):
    """A cassette would have held a secret; it was not written."""


def vcr_config(mode: str = "none") -> dict[str, Any]:
    """
    The arguments of ``vcr.VCR``, also as pytest-recording's ``vcr_config`` fixture wants them.

    Args:
        mode: vcrpy's record mode: ``none`` replays, ``once`` records what is not there yet, ``all`` anew.
    """
    return {
        "record_mode": mode,
        "match_on": MATCH_ON,
        "before_record_request": scrubbing.scrub_request,
        "before_record_response": scrubbing.scrub_response,
        "decode_compressed_response": True,
    }


def binance_vcr(mode: str = "none", *, told: str = "", secrets: Iterable[str] = ()) -> vcr.VCR:
    """
    vcrpy for Binance.

    Args:
        mode: vcrpy's record mode.
        told: what the head of a new cassette says of its origin.
        secrets: values that must not be written, whatever field they stand in.

    Raises:
        ConfigError: without vcrpy, with the line that installs it.
    """
    try:
        import vcr
    except ImportError as error:
        raise ConfigError("cassettes need vcrpy: pip install 'exec-plugin[test]'") from error
    made = vcr.VCR(**vcr_config(mode))
    made.register_serializer("yaml", _PlainYaml)
    made.register_persister(_Persister(told, tuple(secrets)))
    return made


class _PlainYaml:
    """YAML that holds data and nothing else: vcrpy's own reader would make, and so run, whatever a file names."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """A cassette's text, read."""
        import yaml

        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe, both of them

    @staticmethod
    def serialize(cassette: Any) -> str:
        """The text of a cassette, as vcrpy writes it."""
        from vcr.serializers import yamlserializer

        text: str = yamlserializer.serialize(cassette)
        return text


class _Persister:
    """Writes a cassette under a comment that tells its origin, unless it holds a secret."""

    def __init__(self, told: str, secrets: tuple[str, ...]) -> None:
        self._head = "".join(f"# {line}\n" for line in told.splitlines())
        self._secrets = secrets

    @staticmethod
    def load_cassette(path: str, serializer: Any) -> Any:
        """What vcrpy's own persister loads."""
        from vcr.persisters.filesystem import FilesystemPersister

        return FilesystemPersister.load_cassette(path, serializer)

    def save_cassette(self, path: str, cassette: Mapping[str, Any], serializer: Any) -> None:
        """
        Write it.

        Raises:
            SecretLeak: instead, when something in it must stay secret.
        """
        from vcr.serialize import serialize

        text = self._head + serialize(cassette, serializer)
        found = list(scrubbing.leaks(text, self._secrets))
        if found:
            msg = f"{Path(path).name} was not written: {'; '.join(found)}"
            raise SecretLeak(msg)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")


@contextmanager
def replaying(path: Path, book: vcr.VCR | None = None, *, repeats: bool = False) -> Iterator[Any]:
    """
    Answer every request from a cassette, and let none through.

    Args:
        path: of the cassette.
        book: vcrpy, where it is configured otherwise than here.
        repeats: when a request is made more often than it was recorded, give its last answer again.

    Yields:
        vcrpy's cassette, which knows what was played.
    """
    book = book or binance_vcr()
    with book.use_cassette(str(path)) as cassette, offline():
        Player(cassette, repeats=repeats)
        yield cassette


@contextmanager
def offline() -> Iterator[None]:
    """No socket of this process connects to anything, this machine included."""

    def refuse(*_: Any, **__: Any) -> Any:
        msg = "the network is shut while a cassette is replayed"
        raise ConnectionRefusedError(msg)

    with ExitStack() as stack:
        for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")):
            inherited = name not in vars(owner)
            stack.callback(delattr, owner, name) if inherited else stack.callback(
                setattr, owner, name, vars(owner)[name]
            )
            setattr(owner, name, refuse)
        yield
