"""Files of settings."""

from __future__ import annotations

import pytest

from exec_plugin.config.files import read_toml
from exec_plugin.core.errors import ConfigError


def test_table(tmp_path):
    """A file's table is read."""
    path = tmp_path / "some.toml"
    path.write_text('[a]\nb = "é"', encoding="utf-8")
    assert read_toml(path) == {"a": {"b": "é"}}


@pytest.mark.parametrize("content", [b"a =", b"\xff", b"a = " + b"[" * 3000, b"a = " + b"9" * 5000], ids=range(4))
def test_refused(tmp_path, content):
    """What is no TOML, or beyond all bounds, is refused by its name."""
    path = tmp_path / "some.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"some\.toml cannot be read: "):
        read_toml(path)


def test_missing(tmp_path):
    """A file that is not there is refused by its name."""
    with pytest.raises(ConfigError, match=r"other\.toml cannot be read: "):
        read_toml(tmp_path / "other.toml")
