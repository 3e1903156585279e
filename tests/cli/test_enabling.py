"""``exec-plugin enable``, ``disable`` and ``status``, in an environment of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exec_plugin import activation
from exec_plugin.cli import enabling


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder that stands for site-packages."""
    monkeypatch.setattr(enabling.sysconfig, "get_path", lambda _name: str(tmp_path))
    for name in (activation.AUTO, activation.CONFIG):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def start(site, root):
    """Runs code as an interpreter of that environment does: its start-up files first."""

    def run(code, *words, **variables):
        outside = {name: value for name, value in os.environ.items() if not name.startswith("EXEC_PLUGIN")}
        # what site does with the folder of an environment
        begin = f"import site; site.addsitedir({str(site)!r});"
        done = subprocess.run(
            [sys.executable, *words, "-c", begin + code],
            env={**outside, **variables}, cwd=root, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout.strip(), done.stderr

    return run


def test_enable(call, site):
    """It says which file it has written, what that does, and how to undo it."""
    result = call("enable")
    path = site / "exec_plugin_auto.pth"
    assert result.stdout.splitlines()[0] == f"written: {path}"
    assert "binancepaper is among ccxt's exchanges" in result.stdout
    assert "exec-plugin disable" in result.stdout
    # one line for Python, one for people
    assert len(path.read_text().splitlines()) == 2
    assert call("enable", "--paper").exit_code == 0


def test_disable(call, site):
    """It removes that file and nothing else, and says so where there is none."""
    (site / "other.pth").write_text("# somebody else's", encoding="utf-8")
    call("enable")
    assert call("disable").stdout == f"removed: {site / 'exec_plugin_auto.pth'}\n"
    assert [path.name for path in site.iterdir()] == ["other.pth"]
    assert "nothing to remove" in call("disable").stdout


@pytest.mark.parametrize("command", ["enable", "disable"])
def test_not_ours(call, site, command):
    """A file of that name which is not ours is left alone."""
    path = site / "exec_plugin_auto.pth"
    path.write_text("mine", encoding="utf-8")
    result = call(command)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "left alone" in result.stderr


def test_unwritable(call, site, monkeypatch):
    """An environment that cannot be written is one line and exit code 2."""
    monkeypatch.setattr(enabling.sysconfig, "get_path", lambda _name: str(site / "not" / "there"))
    result = call("enable")
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)


def test_status(call, site):
    """It tells whether the plugin is on, by what, and where the start-up file is or would be."""
    activation.deactivate()
    told = call("status").stdout
    assert told.startswith("off: ")
    assert f"none; exec-plugin enable would write {site / 'exec_plugin_auto.pth'}" in told
    assert "EXEC_PLUGIN_AUTO: not set" in told
    call("enable")
    try:
        activation.activate("throttle", way="a test")
        told = call("status").stdout
    finally:
        activation.deactivate()
    assert told.startswith("on by a test, mode throttle: ")
    assert f"start-up file: {site / 'exec_plugin_auto.pth'}\n" in told


@pytest.mark.parametrize(("words", "mode"), [([], "register"), (["--paper"], "paper"), (["--throttle"], "throttle")])
def test_starts(call, start, site, words, mode):
    """Every interpreter of the environment has the plugin on, in that mode and by that file, isolated ones as well."""
    call("enable", *words)
    code = "from exec_plugin.activation import active; print(active().mode, active().way)"
    assert start(code) == (f"{mode} {site / 'exec_plugin_auto.pth'}", "")


def test_turned_off(call, start):
    """The environment variable turns it off, and wins over the file's mode."""
    call("enable")
    code = "import sys; print('exec_plugin' in sys.modules)"
    assert start(code, EXEC_PLUGIN_AUTO="0") == ("False", "")
    mode = "from exec_plugin.activation import active; print(active().mode)"
    assert start(mode, EXEC_PLUGIN_AUTO="throttle") == ("throttle", "")


def test_settings(call, start, tmp_path):
    """The file's settings reach the host, unless the environment names others."""
    path = tmp_path / "settings.toml"
    path.write_text("[exec_plugin]", encoding="utf-8")
    call("enable", "--config", path)
    assert start("import os; print(os.environ['EXEC_PLUGIN_CONFIG'])")[0] == str(path)
    assert start("import os; print(os.environ['EXEC_PLUGIN_CONFIG'])", EXEC_PLUGIN_CONFIG="x")[0] == "x"


@pytest.mark.parametrize(("words", "left"), [([], True), (["--throttle"], True), (["--paper"], False)])
def test_package_gone(call, start, site, words, left):
    """Where the package has gone the file does nothing, but for paper, which then means no ccxt rather than a real one."""
    call("enable", *words)
    code = "import importlib.util, sys; print(sys.modules.get('ccxt', 'free'))"
    hide = "import importlib.util as u; found = u.find_spec; u.find_spec = lambda name: None if name == 'exec_plugin' else found(name);"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide} import site; site.addsitedir({str(site)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.strip() == "free") is left
    assert Path(site / "exec_plugin_auto.pth").exists()
