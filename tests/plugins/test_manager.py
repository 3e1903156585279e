"""Which plugins are active, which are not, and why."""

from __future__ import annotations

import logging
import tomllib
from importlib.metadata import entry_points

import pluggy
import pytest

import exec_plugin
from exec_plugin import hookimpl
from exec_plugin.core.errors import ConfigError
from exec_plugin.hookspecs import OBSERVERS, PROJECT, specs
from exec_plugin.plugins import BUILT_INS, current, forget
from exec_plugin.plugins.manager import hook_names


def states(plugins):
    """What became of each plugin, by its name."""
    return {state.name: (state.state, state.reason) for state in plugins.states}


def failure(caplog, name):
    """The one line of the log about a plugin."""
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    [line] = [line for line in lines if repr(name) in line]
    assert "\n" not in line
    return line


def test_built_ins():
    """The built-in plugins are active without being named, and register through the same hooks."""
    plugins = exec_plugin.load({})
    assert states(plugins) == {"binance": ("active", ""), "paper": ("active", "")}
    [binance, paper] = plugins.states
    assert (paper.distribution, paper.version) == ("exec-plugin", exec_plugin.__version__)
    assert set(binance.hooks) == {"exec_exchanges", "exec_make_throttle"}
    assert set(paper.hooks) == {"exec_exchanges", "exec_make_model", "exec_market_source"}
    assert plugins.is_plain


def test_announced(root):
    """Other tools find the built-in plugins where they would look, under the same names."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"][PROJECT] == BUILT_INS
    assert {entry.name: entry.value for entry in entry_points(group=PROJECT)}.items() >= BUILT_INS.items()


def test_named(plugin):
    """A module that the settings name is active, and wins where the first answer counts."""
    plugin("mine", exec_make_client=lambda name, config: f"my {name}")
    plugins = exec_plugin.load({"plugins": ["mine"]})
    assert states(plugins)["mine"] == ("active", "")
    assert not plugins.is_plain
    assert exec_plugin.exchanges(plugins)["binance"]({}) == "my binance"


def test_last_wins(plugin):
    """Of several third parties the one that is named last answers first."""
    for name in ("one", "two"):
        plugin(name, exec_make_client=lambda name, config, mine=name: mine)
    assert exec_plugin.exchanges(exec_plugin.load({"plugins": ["one", "two"]}))["binance"]({}) == "two"
    assert exec_plugin.exchanges(exec_plugin.load({"plugins": ["two", "one"]}))["binance"]({}) == "one"


def test_blocked(plugin):
    """What is blocked is not even imported, be it named or built in."""
    plugins = exec_plugin.load({"plugins": ["no_such_module"], "block": ["no_such_module", "binance"]})
    assert states(plugins)["no_such_module"] == ("blocked", "the settings block it")
    assert states(plugins)["binance"][0] == "blocked"
    assert list(exec_plugin.exchanges(plugins)) == ["binancepaper"]


def test_environment(plugin, monkeypatch):
    """The environment alone switches a plugin on."""
    plugin("mine", exec_unconfigure=lambda: None)
    monkeypatch.setenv("EXEC_PLUGIN__PLUGINS", "mine")
    assert states(current())["mine"] == ("active", "")
    assert current() is current()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("binanc", "no such module; did you mean 'binance'? known are binance, paper"),
        ("no.such.module", "no installed package announces it and there is no such module"),
        ("broken", "ImportError: it needs something"),
        ("exits", "SystemExit: 3"),
        ("needy", "ModuleNotFoundError: No module named 'nowhere'"),
        ("empty", "it implements no hook; mark its functions with exec_plugin.hookimpl"),
    ],
)
def test_cannot_be_loaded(tmp_path, monkeypatch, caplog, name, reason):
    """A plugin that cannot be loaded is named in one line of the log, and the others are active all the same."""
    (tmp_path / "broken.py").write_text("raise ImportError('it needs something')")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)")
    (tmp_path / "needy.py").write_text("import nowhere")
    (tmp_path / "empty.py").write_text("def exec_fill(fill): pass")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = exec_plugin.load({"plugins": [name]})
    state, told = states(plugins)[name]
    assert state == "failed"
    assert reason in told
    assert reason in failure(caplog, name)
    assert states(plugins)["paper"] == ("active", "")


@pytest.mark.parametrize(
    ("hooks", "reason"),
    [
        ({"exec_fil": lambda fill: None}, "there is no hook 'exec_fil'; did you mean 'exec_fill'?"),
        ({"exec_fill": lambda fil: None}, "PluginValidationError: Plugin 'mine'"),
        ({"exec_configure": lambda config: 1 / 0, "exec_fill": lambda fill: None}, "ZeroDivisionError"),
    ],
)
def test_cannot_be_used(plugin, caplog, hooks, reason):
    """Nor is anything left of one whose hooks are wrong, or that cannot be configured."""
    plugin("mine", **hooks)
    plugins = exec_plugin.load({"plugins": ["mine"]})
    assert reason in states(plugins)["mine"][1]
    assert reason in failure(caplog, "mine")
    assert not plugins.observer("exec_fill")


async def _later(fill):
    """A hook that somebody would have to await."""


def _around(fill):
    """A hook around the others."""
    yield


@pytest.mark.parametrize("mark", [hookimpl(_later), hookimpl(wrapper=True)(_around)])
def test_plain_functions(plugin, mark):
    """Hooks that would silently not be called are refused."""
    plugin("mine").exec_fill = mark
    assert "hooks here are plain functions" in states(exec_plugin.load({"plugins": ["mine"]}))["mine"][1]


def test_twice(plugin):
    """One module under two names is one plugin."""
    module = plugin("mine", exec_unconfigure=lambda: None)
    plugin("other")
    plugins = exec_plugin.load({"plugins": ["mine"]})
    assert plugins.get_name(module) == "mine"
    assert states(exec_plugin.load({"plugins": ["exec_plugin.binance.plugin"]}))["exec_plugin.binance.plugin"] == (
        "failed",
        "it is the plugin 'binance' once more",
    )


def test_strict():
    """Whoever wants to know gets an error instead."""
    with pytest.raises(
        ConfigError, match=r"plugin 'no_such' is not active, and strict=true insists on it: no installed"
    ):
        exec_plugin.load({"plugins": ["no_such"], "strict": True})


def test_configured(plugin):
    """A plugin is given the settings as they were merged, but nobody else's keys."""
    told = []
    plugin("mine", exec_configure=lambda config: told.append(config))  # noqa: PLW0108 - pluggy reads the name
    others = {"accounts": {"octo": {"api_key": "abcdefghijklmnopqrst"}}, "binance": {"api_secret": "xyz"}}
    exec_plugin.load({"plugins": ["mine"], "mine": {"token": "t"}, "paper": {"seed": 3}, **others})
    [config] = told
    assert (config["mine"], config["paper"]) == ({"token": "t"}, {"seed": 3})
    assert config["accounts"] == {"octo": {"api_key": "abcd...qrst"}}
    assert config["binance"] == {"api_secret": "***"}


def test_let_go(plugin):
    """Each plugin hears once that it is let go of, though another fails."""
    told = []
    plugin("one", exec_unconfigure=lambda: told.append(1))
    plugin("two", exec_unconfigure=lambda: 1 / 0)
    plugins = exec_plugin.load({"plugins": ["one", "two"]})
    forget()
    plugins.close()
    assert told == [1]


def test_registered_by_hand():
    """A host may register an object of its own, as with any pluggy manager."""
    seen = []

    class Mine:
        @exec_plugin.hookimpl
        def exec_fill(self, fill):
            seen.append(fill)

    plugins = exec_plugin.load({})
    assert isinstance(plugins, pluggy.PluginManager)
    plugins.register(Mine(), "by hand")
    plugins.observer("exec_fill")(fill="a fill", account="me")
    assert seen == ["a fill"]
    assert states(plugins)["by hand"] == ("active", "")


def test_hooks():
    """There are few hooks, each with a docstring, and those who only listen are known."""
    assert len(hook_names()) == 13
    assert set(OBSERVERS) < set(hook_names())
    assert all(getattr(specs, name).__doc__ for name in hook_names())
