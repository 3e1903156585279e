"""Listeners of plugins: told one by one, and none of them can disturb the others."""

from __future__ import annotations

import exec_plugin


def test_one_by_one(plugin, caplog):
    """A listener that raises is named in one line; the others hear all the same."""
    heard = []
    plugin("good", exec_fill=lambda fill, account: heard.append((fill, account)))
    plugin("bad", exec_fill=lambda fill: 1 / 0)
    observer = exec_plugin.load({"plugins": ["good", "bad"]}).observer("exec_fill")
    observer(fill="f", account="me")
    assert heard == [("f", "me")]
    [line] = [record.getMessage() for record in caplog.records]
    assert line == "plugin 'bad' failed in exec_fill: ZeroDivisionError: division by zero"


def test_not_each_time(plugin, caplog):
    """One that keeps failing is told again only when it has done so ten times as often."""
    plugin("bad", exec_fill=lambda fill: 1 / 0)
    observer = exec_plugin.load({"plugins": ["bad"]}).observer("exec_fill")
    for _ in range(250):
        observer(fill="f", account="me")
    times = [record.getMessage().split(":")[0] for record in caplog.records]
    failed = "plugin 'bad' failed in exec_fill"
    assert times == [failed, f"{failed}, 10 times so far", f"{failed}, 100 times so far"]


def test_order(plugin):
    """Who was named last hears first, as everywhere in pluggy, unless it wants otherwise."""
    heard = []
    for name in ("one", "two"):
        plugin(name, exec_fill=lambda fill, mine=name: heard.append(mine))
    exec_plugin.load({"plugins": ["one", "two"]}).observer("exec_fill")(fill="f", account="me")
    assert heard == ["two", "one"]


def test_nobody():
    """Without listeners there is nothing to tell."""
    plugins = exec_plugin.load({})
    assert not any(plugins.observer(name) for name in ("exec_fill", "exec_order_event", "exec_request"))
