"""The command group: help, version, log and errors."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

import exec_plugin
from exec_plugin.cli import main
from exec_plugin.core.errors import FeedError


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["demo", "--help"]])
def test_help(call, words):
    """Help shows examples that begin with the command's name."""
    result = call(*words)
    assert result.exit_code == 0
    assert "Examples:\n    exec-plugin demo\n" in result.stdout


def test_version(call):
    """The version is the package's."""
    assert call("--version").stdout == f"exec-plugin, version {exec_plugin.__version__}\n"


def test_unknown_command(call):
    """A command that does not exist is exit code 2."""
    result = call("dmeo")
    assert result.exit_code == 2
    assert "dmeo" in result.stderr


def test_module():
    """`python -m exec_plugin` is the same program, and its help needs no ccxt."""
    script = "import runpy, sys; sys.argv = ['x', '--help']; import atexit\n"
    script += (
        "atexit.register(lambda: print('ccxt' in sys.modules)); runpy.run_module('exec_plugin', run_name='__main__')"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "exec-plugin demo" in run.stdout
    assert run.stdout.endswith("False\n")


@pytest.mark.parametrize(("words", "level"), [([], "WARNING"), (["-v"], "INFO"), (["-vv"], "DEBUG")])
def test_verbose(call, monkeypatch, words, level):
    """More -v, more of the log; what a command logs goes to stderr, and nothing is left configured after it."""
    logger = logging.getLogger("exec_plugin")
    told = [logging.getLevelName(number) for number in (logging.DEBUG, logging.INFO, logging.WARNING)]

    def speak():
        for name in told:
            logger.log(logging.getLevelName(name), "as %s", name)

    monkeypatch.setattr(main.commands["demo"], "callback", lambda **_: speak())
    result = call(*words, "demo")
    assert [name for name in told if f"as {name}" in result.stderr] == told[told.index(level) :]
    assert result.stdout == ""
    assert logger.level == logging.NOTSET


def test_log_file(call, monkeypatch, tmp_path):
    """The file gets INFO also where the terminal does not."""
    log = tmp_path / "run.log"
    speak = logging.getLogger("exec_plugin.somewhere").info
    monkeypatch.setattr(main.commands["demo"], "callback", lambda **_: speak("hello"))
    assert call("--log-file", log, "demo").stderr == ""
    assert log.read_text(encoding="utf-8").endswith("INFO exec_plugin.somewhere: hello\n")


def test_log_file_refused(call, tmp_path):
    """A log file in a folder that is not there is one line and exit code 2."""
    result = call("--log-file", tmp_path / "no" / "run.log", "demo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "run.log cannot be written: No such file" in result.stderr


def _fail(**_):
    raise FeedError("file, line 7: no good")


def test_error(call, monkeypatch):
    """An error of the package is one line on stderr and exit code 2."""
    monkeypatch.setattr(main.commands["demo"], "callback", _fail)
    result = call("demo")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "Error: file, line 7: no good\n")


def test_traceback(call, monkeypatch):
    """With -vv the error itself comes through, with its traceback."""
    monkeypatch.setattr(main.commands["demo"], "callback", _fail)
    with pytest.raises(FeedError):
        call("-vv", "demo")


@pytest.fixture
def speaking(monkeypatch):
    """The command demo logs a line with fields of its own, and an error."""
    logger = logging.getLogger("exec_plugin.server.access")

    def speak(**_):
        logger.warning("it is %s", "slow\n", extra={"told": {"ms": 5, "peer": "::1"}})
        try:
            int("x")
        except ValueError:
            logger.exception("it failed")

    monkeypatch.setattr(main.commands["demo"], "callback", speak)


def test_log_format(call, speaking, tmp_path):
    """With --log-format json each record is one line of JSON, on stderr and in the file, tracebacks included."""
    path = tmp_path / "log"
    result = call("--log-format", "json", "--log-file", path, "demo")
    assert path.read_text("utf-8") == result.stderr
    slow, failed = map(json.loads, result.stderr.splitlines())
    assert slow["time"].endswith("Z")
    del slow["time"]
    expected = {"level": "WARNING", "logger": "exec_plugin.server.access", "message": "it is slow\n", "ms": 5}
    assert slow == {**expected, "peer": "::1"}
    assert failed["traceback"].endswith("with base 10: 'x'")


def test_log_file_is_private(call, speaking, tmp_path):
    """A log file that is made is readable by its owner only; text is the default."""
    path = tmp_path / "log"
    call("--log-file", path, "demo")
    assert path.stat().st_mode & 0o777 == 0o600
    assert " WARNING exec_plugin.server.access: it is slow" in path.read_text("utf-8")
