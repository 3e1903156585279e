"""A blocking session's trust in the one server that has left its certificate."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter


class _Pinned(HTTPAdapter):
    """
    What talks to that server and accepts no other certificate than its own.

    It is pickled with the session that it belongs to.
    """

    __attrs__ = [*HTTPAdapter.__attrs__, "certificate"]  # noqa: RUF012  requests' own

    def __init__(self, certificate: str) -> None:
        self.certificate = certificate
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have all connections made with that certificate alone."""
        from exec_plugin.account.attached import pinned

        super().init_poolmanager(*args, **kwargs, ssl_context=pinned(self.certificate), assert_hostname=False)

    def cert_verify(self, *_: Any) -> None:
        """The certificates that everybody trusts are not to be added."""


def pin(session: Any, url: str, certificate: str) -> None:
    """Have a session talk to what is at a URL only where that shows a certificate."""
    known = session.adapters.get(url)
    if not isinstance(known, _Pinned) or known.certificate != certificate:
        session.mount(url, _Pinned(certificate))
