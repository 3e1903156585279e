"""A real PostgreSQL server of our own, on a free port of this machine, in a folder that is removed afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Whom it runs as where the tests run as root, which it refuses to.
USERS = ("postgres", "nobody")


class PostgresServer:
    """Can be killed, started again, and stopped."""

    def __init__(self, binaries, folder):
        self._binaries = binaries
        self._folder = folder
        self._user = {"user": _other_user(), "group": "nogroup"} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, self._user["user"])
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        self._data = f"{folder}/data"
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--no-sync")
        self.start()

    def _run(self, name, *options):
        done = subprocess.run([self._binaries / name, *options], capture_output=True, text=True, cwd="/",
                              check=False, **self._user)  # fmt: skip
        assert done.returncode == 0, done.stderr

    def start(self):
        """Start it and wait until it listens."""
        command = [
            self._binaries / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1",
            "-k", str(self._folder), "-c", "log_min_messages=log",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd="/", **self._user)
        told = []
        for line in self._process.stderr:
            told.append(line)
            if "ready to accept connections" in line:
                return
        pytest.fail(f"postgres did not start: {''.join(told)}")

    def stop(self):
        """End it without waiting for its clients."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.communicate()

    def execute(self, sql):
        """Run a statement as somebody else."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description is not None else []

    def clear(self):
        """Remove all accounts."""
        self.execute("DROP SCHEMA IF EXISTS exec_plugin CASCADE")


def _other_user():
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in known)


def _binaries():
    """Where PostgreSQL's programs are; Debian does not put them on PATH."""
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


@contextmanager
def postgres_server():
    """A server until the end of the block; without PostgreSQL's programs or psycopg the test is skipped."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'exec-plugin[postgres]'")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("postgres is not installed: apt-get install postgresql")
    # not pytest's folder, which only its own user may enter
    with tempfile.TemporaryDirectory(prefix="exec-plugin-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(binaries, Path(folder))
        try:
            yield server
        finally:
            server.stop()
