"""What every test may use: the shared data, the project's root, and a guard that keeps tests off the network."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
NO_SHARED = "shared data is not beside this checkout"

# A slow machine is no bug, and the same commit must pass or fail everywhere alike.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root, wherever the package itself is imported from."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and scenarios; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests keeps the budgets and accounts of his own home as they are, and they decide nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXEC_PLUGIN_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """
    Refuse every host but this one, and fail the test that asked, even where the refusal was swallowed.

    Yields:
        The refused hosts; a test that wants to see them clears the list.
    """
    refused: list[str] = []

    def check(host: Any) -> None:
        if not _is_local(host):
            refused.append(str(host))
            msg = f"tests touch no network, but {host} was asked for"
            raise ConnectionRefusedError(msg)

    def guard(owner: Any, name: str, host_of: Any) -> None:
        real = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            check(host_of(*args, **kwargs))
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, guarded)

    guard(socket.socket, "connect", lambda _self, address: _host(address))
    guard(socket.socket, "connect_ex", lambda _self, address: _host(address))
    guard(socket, "getaddrinfo", lambda host, *_args, **_kwargs: host)
    yield refused
    if refused:
        pytest.fail(f"the test reached for the network: {', '.join(sorted(set(refused)))}")


def _host(address: Any) -> Any:
    # A path is a UNIX socket, which never leaves the machine.
    return address[0] if isinstance(address, tuple) else None


def _is_local(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if not text or text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
