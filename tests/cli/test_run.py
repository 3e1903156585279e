"""``exec-plugin run``: what is started, with what environment, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exec_plugin.cli.run import LAUNCHER, command, environment
from exec_plugin.core.errors import ConfigError


@pytest.fixture
def start(root, tmp_path):
    """Starts ``exec-plugin run`` in a process of its own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("EXEC_PLUGIN")}
    paths = os.pathsep.join(filter(None, [str(root), outside.get("PYTHONPATH")]))
    started = []

    def run(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "exec_plugin", "run", *words], cwd=tmp_path, env={**outside, "PYTHONPATH": paths},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_program(tmp_path, monkeypatch):
    """A program is found beside this Python first, then on PATH, and gets its own arguments."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for folder in (tmp_path, Path(sys.executable).parent):
        assert command([Path(sys.executable).name, "-V"])[0] == str(
            Path(sys.executable).parent / Path(sys.executable).name
        )
        program = tmp_path / "some-host"
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        assert command(["some-host", "--paper", "x"]) == (str(program), [str(program), "--paper", "x"]), folder
    assert command([str(program)])[0] == str(program)


def test_python(tmp_path, monkeypatch):
    """A module, and a Python file, are run by this Python."""
    assert command(["-m", "host", "-v"]) == (sys.executable, [sys.executable, "-m", "host", "-v"])
    monkeypatch.chdir(tmp_path)
    Path("bot.py").write_text("", encoding="utf-8")
    assert command(["bot.py", "x"]) == (sys.executable, [sys.executable, "bot.py", "x"])


def test_missing(call):
    """A program that does not exist is one line that says where it was looked for, and exit code 2."""
    with pytest.raises(ConfigError, match="there is no program 'no-such-host'"):
        command(["no-such-host"])
    result = call("run", "--", "no-such-host")
    assert result.exit_code == 2
    assert str(Path(sys.executable).parent) in result.stderr
    assert "PATH" in result.stderr


def test_not_executable(call, tmp_path):
    """What is no program is refused in one line."""
    program = tmp_path / "host"
    program.write_text("neither script nor binary", encoding="utf-8")
    program.chmod(0o755)
    result = call("run", "--", program)
    assert (result.exit_code, "cannot be started" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--paper", "--throttle", "--", "x"], "one or the other"),
        (["--config", "no.toml", "--", "x"], "does not exist"),
        ([], "Missing argument"),
    ],
)
def test_refused(call, words, told):
    """What makes no sense is one line and exit code 2."""
    result = call("run", *words)
    assert (result.exit_code, told in result.stderr) == (2, True)


def test_wrong_settings(call, tmp_path):
    """A mistake in the file is told before the host starts, with the nearest name."""
    path = tmp_path / "settings.toml"
    path.write_text("[exec_plugin.paper]\nbalanses = {}\n", encoding="utf-8")
    result = call("run", "--config", path, "--", "python", "-V")
    assert (result.exit_code, "did you mean 'balances'?" in result.stderr) == (2, True)


def test_environment(tmp_path, monkeypatch):
    """The launcher's folder stands first and once, the mode and the file's whole path reach the host and its children."""
    monkeypatch.chdir(tmp_path)
    first = environment({"PYTHONPATH": "/a:/b", "HOME": "/h"}, "paper", Path("settings.toml"))
    assert first == {
        "PYTHONPATH": f"{LAUNCHER}:/a:/b",
        "HOME": "/h",
        "EXEC_PLUGIN_AUTO": "paper",
        "EXEC_PLUGIN_CONFIG": str(tmp_path / "settings.toml"),
    }
    again = environment(first, "register", None)
    assert again == {**first, "EXEC_PLUGIN_AUTO": "register"}


def test_arguments(start):
    """A host gets its arguments as they are, options that are ours among them, and its exit code is the command's."""
    process = start(
        "--", "python", "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "--paper", "--", "-v", "--help"
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (7, "['--paper', '--', '-v', '--help']\n", "")


def test_signals(start):
    """The process is the host's: it gets the signals, and ends as it likes."""
    code = (
        "import signal, sys, os; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5));"
        "print(os.getpid(), flush=True); signal.pause()"
    )
    process = start("--", "python", "-c", code)
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 5


@pytest.mark.slow
def test_paper(start, tmp_path):
    """A script that knows nothing of the plugin trades on paper, with the settings of the file."""
    (tmp_path / "bot.py").write_text("import ccxt; print(ccxt.binance().fetch_balance()['total'])", encoding="utf-8")
    (tmp_path / "s.toml").write_text('[exec_plugin.paper]\nbalances = {DOGE = "7"}\n', encoding="utf-8")
    out, err = start("--paper", "--config", "s.toml", "--", "bot.py").communicate(timeout=60)
    assert "'DOGE': 7.0" in out, err
