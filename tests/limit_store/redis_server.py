"""A real Redis server of our own, on a free port of this machine, that keeps nothing on disk."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager

import pytest

BINARY = "redis-server"


class RedisServer:
    """Can be killed, started again, and stopped for a while."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        # for stores: a busy machine is no Redis that is gone
        self.store = f"{self.url}?timeout=2"
        self.start()

    def start(self):
        """Start it, empty, and wait until it listens."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command = [shutil.which(BINARY), *options, "--dir", "/", "--daemonize", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = []
        for line in self._process.stdout:
            told.append(line)
            if "Ready to accept connections" in line:
                return
        pytest.fail(f"redis-server did not start: {''.join(told)}")

    def kill(self):
        """End it as a crash does."""
        self._process.kill()
        self._process.communicate()

    def freeze(self):
        """Let it hear and not answer."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server():
    """A server until the end of the block; without Redis's program or package the test is skipped."""
    pytest.importorskip("redis", reason="the redis package is not installed: pip install 'exec-plugin[redis]'")
    if shutil.which(BINARY) is None:
        pytest.skip(f"{BINARY} is not installed: apt-get install redis-server")
    server = RedisServer()
    try:
        yield server
    finally:
        server.kill()
