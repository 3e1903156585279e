"""What a db_url names."""

from __future__ import annotations

from pathlib import Path

import pytest

from exec_plugin.core.errors import ConfigError
from exec_plugin.journal import check_url, default_url, is_memory, masked, open_store


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://"])
def test_memory(url):
    """Freqtrade's ways to say memory."""
    assert is_memory(check_url(url))
    assert open_store(url) is None


def test_relative(tmp_path, monkeypatch):
    """Three strokes begin a path from here, four an absolute one."""
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///here.sqlite").close()
    open_store(f"sqlite:///{tmp_path}/there.sqlite").close()
    assert {path.name for path in tmp_path.iterdir()} == {"here.sqlite", "there.sqlite"}


@pytest.mark.parametrize("url", ["", "bots.sqlite", "mysql://u:hush@h/d", "sqlite:/x", "redis://h"])
def test_refused(url):
    """What names no database is refused, without its password."""
    with pytest.raises(ConfigError, match=r"sqlite:// \(memory\)") as caught:
        check_url(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hush@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("sqlite:///x", "sqlite:///x"),
    ],
)
def test_masked(url, shown):
    """A password is not shown."""
    assert masked(url) == shown


def test_default(monkeypatch, tmp_path):
    """The user's own file stands in his state folder, or where he says."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    assert default_url() == f"sqlite:///{tmp_path}/accounts.sqlite"
    monkeypatch.delenv("EXEC_PLUGIN_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_url() == f"sqlite:///{tmp_path}/state/exec_plugin/accounts.sqlite"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_url() == f"sqlite:///{tmp_path}/.local/state/exec_plugin/accounts.sqlite"
