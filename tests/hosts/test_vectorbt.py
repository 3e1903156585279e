"""vectorbt: candles of the paper exchange, by the script that its page shows."""

from __future__ import annotations

HOST = "vectorbt"


def test_pins(environment):
    """Our wheel changes no package of vectorbt's environment."""
    assert environment.before - environment.after == set()


def test_script(shell, documented):
    """The page's script downloads whole hours of candles and goes on from there."""
    (script,) = documented("vectorbt", "python")
    (shell.folder / "candles.py").write_text(script, encoding="utf-8")
    first, second = shell.run("python", "candles.py").splitlines()[-2:]
    assert first == "300 <Minute>"
    assert 359 <= int(second) <= 362


def test_launcher(shell, documented):
    """The same without the line that turns the plugin on, started by exec-plugin run."""
    (script,) = documented("vectorbt", "python")
    (shell.folder / "candles.py").write_text(script.replace("import exec_plugin.auto\n", ""), encoding="utf-8")
    assert "300 <Minute>" in shell.run("exec-plugin", "run", "--", "python", "candles.py")
    assert "300 <Minute>" not in shell.run("python", "candles.py", check=False)
