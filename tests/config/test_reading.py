"""Where settings come from, which of them wins, and what is said about those that are none."""

from __future__ import annotations

import pytest

from exec_plugin.config import masked, read_config
from exec_plugin.core.errors import ConfigError

FILE = """
[exec_plugin]
plugins = ["one", "two"]
block = ["three"]

[exec_plugin.paper]
seed = 1
speed = "max"

[exec_plugin.paper.balances]
USDT = "5"

[exec_plugin.accounts.octo]
api_key = "key of octo"
balances = {USDT = "7"}

[exec_plugin.one]
most = 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of settings."""
    (tmp_path / "exec_plugin.toml").write_text(FILE, encoding="utf-8")
    return tmp_path


def read(folder, given=None, **environment):
    """The settings there."""
    return read_config(given, environment, folder)


def test_nothing(tmp_path):
    """Nothing need be set."""
    config = read(tmp_path)
    assert (config.values, config.plugins, config.block, config.strict) == ({}, (), (), False)
    assert config.account("a key", "") == ("", {})


def test_file(folder):
    """A file's tables are read, and each value remembers it."""
    config = read(folder)
    assert (config.plugins, config.block) == (("one", "two"), ("three",))
    assert config.table("paper") == {"seed": 1, "speed": "max", "balances": {"USDT": "5"}}
    assert config.table("one") == {"most": 3}
    assert config.origins["paper", "seed"] == str(folder / "exec_plugin.toml")


def test_order(folder):
    """Arguments win over the environment, that over the file, value by value."""
    environment = {"EXEC_PLUGIN__PAPER__SEED": "2", "EXEC_PLUGIN__PAPER__QUEUE": "patient", "OTHER__SEED": "9"}
    config = read(folder, {"paper": {"queue": "mine"}}, **environment)
    assert config.table("paper") == {"seed": 2, "speed": "max", "balances": {"USDT": "5"}, "queue": "mine"}
    names = ("seed", "speed", "queue")
    origins = ["EXEC_PLUGIN__PAPER__SEED", str(folder / "exec_plugin.toml"), "argument"]
    assert [config.origins["paper", name] for name in names] == origins


def test_project(tmp_path):
    """A project's own file serves too, unless there is one of ours; its other tables are its own."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.exec_plugin.paper]\nseed = 3\n")
    assert read(tmp_path).table("paper") == {"seed": 3}
    (tmp_path / "exec_plugin.toml").write_text("[exec_plugin.paper]\nseed = 4\n")
    assert read(tmp_path).table("paper") == {"seed": 4}


def test_foreign_project(tmp_path):
    """A project's file that is no TOML is the project's business."""
    (tmp_path / "pyproject.toml").write_text("[tool")
    assert read(tmp_path).values == {}


def test_named(folder, tmp_path):
    """The environment may name another file."""
    other = tmp_path / "other.toml"
    other.write_text("[exec_plugin.paper]\nseed = 5\n")
    assert read(folder, EXEC_PLUGIN_CONFIG=str(other)).table("paper") == {"seed": 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("true", True),
        ('{"USDT": "9"}', {"USDT": "9"}),
        ('["a", "b"]', ["a", "b"]),
        ("BTCUSDT,ETHUSDT", "BTCUSDT,ETHUSDT"),
    ],
)
def test_environment(tmp_path, text, value):
    """A variable that is JSON is read as such, any other is a text."""
    assert read(tmp_path, EXEC_PLUGIN__PAPER__BALANCES=text).table("paper") == {"balances": value}


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        ({"plugins": ["a", "b"], "block": ["c"]}, {}),
        ({"plugins": {"enabled": ["a", "b"], "disabled": ["c"]}}, {}),
        ({"plugins": "a, b", "block": "c"}, {}),
        (None, {"EXEC_PLUGIN__PLUGINS": "a,b", "EXEC_PLUGIN__BLOCK": "c"}),
        (None, {"EXEC_PLUGIN__PLUGINS__ENABLED": "a,b", "EXEC_PLUGIN__PLUGINS__DISABLED": '["c"]'}),
    ],
)
def test_plugins(tmp_path, given, environment):
    """Plugins are named and blocked in two lists, or in one table, or by variables."""
    config = read(tmp_path, given, **environment)
    assert (config.plugins, config.block) == (("a", "b"), ("c",))


def test_forms_meet(folder):
    """Lists in the file and a table elsewhere are one setting: the stronger counts, and nobody's table is lost."""
    config = read(folder, EXEC_PLUGIN__PLUGINS__DISABLED="two")
    assert (config.plugins, config.block) == (("one", "two"), ("two",))
    config = read(folder, {"plugins": []}, EXEC_PLUGIN__PLUGINS__ENABLED="x")
    assert (config.plugins, config.table("one")) == ((), {"most": 3})
    both = {"block": ["a"], "plugins": {"disabled": ["b"]}}
    assert read(folder, both).block == ("a", "b")


@pytest.mark.parametrize(
    ("key", "name", "found"),
    [
        ("key of octo", "", ("octo", {"USDT": "7"})),
        ("another", "", ("", {"USDT": "5"})),
        ("another", "octo", ("octo", {"USDT": "7"})),
        ("key of octo", "mine", ("mine", {"USDT": "5"})),
        (None, "", ("", {"USDT": "5"})),
    ],
)
def test_account(folder, key, name, found):
    """An account is found by its key or its name; its settings lie over the common ones, without its key."""
    account, settings = read(folder).account(key, name)
    assert (account, settings["balances"]) == found
    assert settings["seed"] == 1
    assert "api_key" not in settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"papr": {}}, "unknown setting 'papr'; did you mean 'paper'?"),
        ({"plugin": ["a"]}, "unknown setting 'plugin'; did you mean 'plugins'?"),
        ({"mine": {"x": 1}}, "unknown setting 'mine'"),
        ({"plugins": {"enable": ["a"]}}, "plugins: unknown setting 'enable'; did you mean 'enabled'?"),
        ({"plugins": 5}, "plugins=5 is no list of names"),
        ({"plugins": [5]}, r"plugins=[5] is no list of names"),
        ({"strict": "yes"}, "strict='yes' is true or false"),
        ({"paper": 5}, "paper=5 is a table"),
        ({"accounts": {"octo": "key"}}, "accounts.octo='key' is a table"),
        (5, "settings=5 is no table"),
    ],
)
def test_refuses(tmp_path, given, said):
    """What is no setting is told with the nearest that is."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, given)
    assert said in str(caught.value)


def test_tables_stay(folder):
    """A table is not replaced by a value by mistake."""
    with pytest.raises(ConfigError, match=r"EXEC_PLUGIN__PAPER: paper='x' is a table"):
        read(folder, EXEC_PLUGIN__PAPER="x")


@pytest.mark.parametrize(("text", "said"), [("[exec", "cannot be read"), ("[paper]\nseed = 1", "[exec_plugin.paper]")])
def test_bad_file(tmp_path, text, said):
    """A file that cannot be read, or has its tables elsewhere, is told by its name."""
    (tmp_path / "exec_plugin.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path)
    assert "exec_plugin.toml" in str(caught.value)
    assert said in str(caught.value)


def test_missing_file(tmp_path):
    """A file that the environment names must be there."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path, EXEC_PLUGIN_CONFIG=str(tmp_path / "none.toml"))


def test_served(tmp_path):
    """The environment's secrets of `exec-plugin serve` are no settings, and no mistakes."""
    assert read(tmp_path, EXEC_PLUGIN__API_KEY="k", EXEC_PLUGIN__API_SECRET="s").values == {}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("api_secret", "abc", "***"),
        ("control_token", "abc", "***"),
        ("apiKey", "abcdefghijklmnopqrst", "abcd...qrst"),
        ("api_key", "short", "********"),
        ("api_key", "", ""),
        ("store", "redis://user:pw@host/0", "redis://***@host/0"),
        ("mine", {"password": "x", "most": [1, {"secret": "y"}]}, {"password": "***", "most": [1, {"secret": "***"}]}),
        ("seed", 7, 7),
    ],
)
def test_masked(name, value, shown):
    """Secrets are not shown, wherever they stand."""
    assert masked(name, value) == shown
