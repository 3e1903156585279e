"""Turning the plugin on from outside a host's code."""

from __future__ import annotations

import os
import sys

import pytest

from exec_plugin import activation
from exec_plugin.ccxt_exchange import registry, stand_in

HEAVY = {"aiohttp", "asyncio", "attr", "ccxt", "click", "pluggy", "typing"}

NAMES = """
import ccxt, ccxt.async_support, ccxt.pro, importlib, sys
for space in (ccxt, ccxt.async_support, ccxt.pro):
    one = getattr(space, "binance")
    from_module = importlib.import_module(space.__name__ + ".binance").binance
    print(one().id, one is from_module, one.__module__.startswith("exec_plugin"), space.exchanges.count("binance"))
"""

CHILDREN = """
import multiprocessing
def told(queue):
    import ccxt
    queue.put([ccxt.binance.__module__, "binancepaper" in ccxt.exchanges])
if __name__ == "__main__":
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=told, args=(queue,))
        child.start()
        print(*queue.get(timeout=40))
        child.join()
"""


@pytest.fixture(autouse=True)
def tidy(monkeypatch):
    """The test's own process is as it was."""
    for name in (activation.AUTO, activation.CONFIG, activation.STRICT):
        monkeypatch.delenv(name, raising=False)
    before = registry.installed()
    # an earlier test may have installed it
    registry.uninstall()
    yield
    activation.deactivate()
    if before:
        registry.install()


def test_light(python):
    """Starting with the plugin on loads none of the heavy libraries, and no ccxt."""
    done = python(f"import sys; print(*{HEAVY!r} & set(sys.modules), 'exec_plugin' in sys.modules)", "register")
    assert (done.stdout.split(), done.stderr) == (["True"], "")


@pytest.mark.slow
def test_registered(python):
    """The launcher's mode without a name adds binancepaper and leaves binance alone."""
    done = python("import ccxt; print(ccxt.binancepaper().id, ccxt.binance.__module__)", "register")
    assert (done.stdout.split(), done.stderr) == (["binancepaper", "ccxt.binance"], "")


@pytest.mark.slow
def test_paper(python):
    """On paper, binance is the paper exchange wherever a host may look it up, and still is called binance."""
    done = python(NAMES, "paper")
    assert (done.stdout.splitlines(), done.stderr) == (["binance True True 1"] * 3, "")


@pytest.mark.slow
@pytest.mark.parametrize("first", ["ccxt", "ccxt.async_support", "ccxt.pro", "exec_plugin.ccxt_exchange.pro"])
def test_paper_order(python, first):
    """It does not matter what is imported first, and real classes that ccxt makes of binance stay real."""
    code = (
        f"import {first}, ccxt.pro, ccxt.async_support as a;"
        "print(ccxt.binance().id, a.binance().id, ccxt.pro.binance().id, ccxt.binance.__module__ != 'ccxt.binance',"
        "[type(i).__name__ for i in (ccxt.binanceusdm(), a.binanceusdm(), ccxt.pro.binanceus())],"
        "[issubclass(c, ccxt.pro.binancepaper) for c in (ccxt.pro.binanceusdm, ccxt.pro.binanceus, a.binancecoinm)])"
    )
    done = python(code, "paper")
    told = "binance binance binance True ['binanceusdm', 'binanceusdm', 'binanceus'] [False, False, False]"
    assert (done.stdout.strip(), done.stderr) == (told, "")


@pytest.mark.slow
def test_paper_kin(python):
    """isinstance and issubclass answer as for the real class; a host's own subclass is on paper too."""
    code = """
import ccxt, ccxt.pro, ccxt.async_support as a, copy, pickle
class Mine(ccxt.binance):
    pass
one = ccxt.binance()
print(isinstance(one, ccxt.binance), issubclass(ccxt.binanceusdm, ccxt.binance), issubclass(ccxt.kraken, ccxt.binance))
print(isinstance(ccxt.pro.binance(), a.binance), isinstance(Mine(), ccxt.binance), isinstance(one, Mine))
print(type(pickle.loads(pickle.dumps(one))) is ccxt.binance, type(copy.deepcopy(one)) is ccxt.binance)
print(Mine().fetch_balance()["USDT"]["free"])
"""
    done = python(code, "paper")
    told = ["True True False", "True True False", "True True", "10000.0"]
    assert (done.stdout.splitlines(), done.stderr) == (told, "")


@pytest.mark.slow
def test_pickled(python):
    """A pickle of binance on paper stays on paper where the plugin is off."""
    made = python("import ccxt, pickle; print(pickle.dumps(ccxt.binance()).hex())", "paper")
    code = f"import pickle; one = pickle.loads(bytes.fromhex('{made.stdout.strip()}')); print(one.fetch_balance()['total']['USDT'])"
    assert python(code).stdout.strip() == "10000.0"


@pytest.mark.slow
def test_children(python, tmp_path):
    """Children, however they are started, have what the host has."""
    script = tmp_path / "host.py"
    script.write_text(CHILDREN, encoding="utf-8")
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = python("import subprocess, sys; sys.exit(subprocess.run([sys.executable, 'host.py']).returncode)", "paper")
    assert (done.returncode, done.stderr) == (0, ""), code
    assert done.stdout.splitlines() == ["exec_plugin.ccxt_exchange.stand_in.sync True"] * 3


@pytest.mark.slow
def test_throttled(python):
    """With the throttle, each real binance has ours from the start, in every namespace; others do not."""
    code = """
import asyncio, ccxt, ccxt.pro, ccxt.async_support as a
from exec_plugin.rate_limit.throttle import Throttle
class Mine(a.binance):
    pass
made = [ccxt.binance(), a.binance(), ccxt.pro.binance(), Mine(), ccxt.kraken(), ccxt.binancepaper(), ccxt.pro.binancepaper()]
print(*(isinstance(one.__dict__.get("throttle"), Throttle) for one in made))
print(*(one.id for one in made[:4]), *(type(one).__module__ for one in made[:3]))
print(ccxt.binance({"options": {"limits": {"account": "mine"}}}).throttle._settings.account)
for one in made:
    if hasattr(one, "asyncio_loop"):
        asyncio.run(one.close())
"""
    done = python(code, "throttle")
    assert done.stdout.splitlines() == [
        "True True True True False False False",
        "binance binance binance binance ccxt.binance ccxt.async_support.binance ccxt.pro.binance",
        "mine",
    ], done.stderr


@pytest.mark.slow
def test_throttle_settings(python):
    """A wrong limit is told, and the host goes on with ccxt's own; with EXEC_PLUGIN_STRICT=1 it does not."""
    code = 'import ccxt; print(ccxt.binance({"options": {"limits": {"acount": "x"}}}).id)'
    done = python(code, "throttle")
    assert done.stdout.strip() == "binance"
    assert "unknown setting 'acount'; did you mean 'account'?" in done.stderr
    assert "Traceback" not in done.stderr
    strict = python(code, "throttle", EXEC_PLUGIN_STRICT="1")
    assert (strict.returncode, strict.stdout) == (1, "")


@pytest.mark.slow
def test_untouched(python):
    """Where nobody turns it on, ccxt is as it ships, also with the package in the path and a variable set."""
    code = "import ccxt, sys; print(len(ccxt.exchanges), ccxt.binance.__module__, 'exec_plugin' in sys.modules)"
    plain, variable = python(code), python(code, EXEC_PLUGIN_AUTO="paper")
    off = python(code, "paper", EXEC_PLUGIN_AUTO="0")
    assert plain.stdout == variable.stdout
    assert plain.stdout.split()[1:] == ["ccxt.binance", "False"]
    assert off.stdout.split()[:2] == plain.stdout.split()[:2]


def test_hidden_sitecustomize(python, tmp_path):
    """A sitecustomize that the launcher's hides runs as well, and what it raises is told by Python itself."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.hidden = 'ran'; mark = 7", encoding="utf-8")
    code = "import sys, sitecustomize; print(sys.hidden, sitecustomize.mark, sitecustomize.__file__)"
    folders = [str(activation.__path__[0]) + "/launcher", str(tmp_path), sys.path[-1]]
    done = python(
        code, "register", PYTHONPATH=os.pathsep.join([*folders, *os.environ.get("PYTHONPATH", "").split(":")])
    )
    assert done.stdout.split() == ["ran", "7", str(tmp_path / "sitecustomize.py")], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "exported"), [("paper", False), ("register", True), ("throttle", True)])
def test_not_importable(python, tmp_path, mode, exported):
    """Without the package in the host's own interpreter one line says so; on paper ccxt is then closed, not real."""
    launcher = str(activation.__path__[0]) + "/launcher"
    blocked = tmp_path / "exec_plugin"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('no exec_plugin here')", encoding="utf-8")
    done = python("import ccxt; print(ccxt.binance().id)", mode, PYTHONPATH=os.pathsep.join([launcher, str(tmp_path)]))
    assert (done.stdout.strip() == "binance") is exported
    assert f"no exec_plugin here; install exec-plugin for {sys.executable}" in done.stderr


def test_unknown_mode(python):
    """A mode that does not exist is told in one line, and may have been paper: no ccxt; strictly, no host either."""
    done = python("print('host'); import ccxt", "papre")
    assert (done.stdout, done.returncode) == ("host\n", 1)
    told = "exec_plugin: mode papre: ValueError: 'papre' is no mode; known are register, paper, throttle"
    assert done.stderr.startswith(told)
    assert "import of ccxt halted" in done.stderr
    strict = python("print('host')", "papre", EXEC_PLUGIN_STRICT="1")
    assert (strict.stdout, strict.returncode != 0) == ("", True)


@pytest.mark.slow
def test_auto(python):
    """Importing exec_plugin.auto does what the launcher does, after ccxt as well; on paper only before it."""
    code = "import ccxt; import exec_plugin.auto; print(ccxt.binancepaper().id)"
    assert python(code).stdout.split() == ["binancepaper"]
    late = python(code, EXEC_PLUGIN_AUTO="paper")
    assert late.returncode == 1
    assert "activate before that" in late.stderr
    early = "import exec_plugin.auto; import ccxt; print(ccxt.binance.__module__)"
    assert python(early, EXEC_PLUGIN_AUTO="paper").stdout.split() == ["exec_plugin.ccxt_exchange.stand_in.sync"]


def test_idempotent():
    """Activating again is nothing new; more than before is added, and two that exclude each other are refused."""
    activation.activate()
    before = list(sys.meta_path)
    activation.activate(way="again")
    assert (activation.active().mode, activation.active().way, list(sys.meta_path)) == (
        "register",
        "activate()",
        before,
    )
    activation.activate("throttle")
    activation.activate("register")
    assert activation.active().mode == "throttle"


def test_conflict(capsys):
    """What cannot be on at the same time is refused: told, and raised where the host asked for paper."""
    activation.activate("throttle")
    with pytest.raises(ValueError, match="'throttle' is on by activate"):
        activation.activate("paper")
    assert activation.active().mode == "throttle"
    assert "a real exchange is none on paper" in capsys.readouterr().err


def test_deactivate():
    """Turned off, ccxt is as it was."""
    import ccxt

    before = (list(ccxt.exchanges), ccxt.binance, ccxt.binance.__dict__.get("__init__"))
    activation.activate("throttle")
    assert ccxt.binance.__dict__.get("__init__") is not before[2]
    activation.deactivate()
    assert (list(ccxt.exchanges), ccxt.binance, ccxt.binance.__dict__.get("__init__")) == before
    assert activation.active() is None


def test_replace_restore():
    """The stand-in takes binance's place and gives it back, with its submodule."""
    import ccxt

    real, module = ccxt.binance, sys.modules["ccxt.binance"]
    registry.hook()
    stand_in.replace("ccxt")
    assert ccxt.binance is not real
    assert sys.modules["ccxt.binance"].binance is ccxt.binance
    stand_in.restore()
    assert (ccxt.binance, sys.modules["ccxt.binance"]) == (real, module)


def test_guarded(capsys, monkeypatch):
    """What fails is told in one line, and raised only on paper or strictly."""
    with activation.guarded("register"):
        raise OSError("no such thing")
    assert capsys.readouterr().err == ("exec_plugin: mode register: OSError: no such thing; the host goes on without\n")
    with pytest.raises(OSError, match="thing"), activation.guarded("paper"):
        raise OSError("no such thing")
    monkeypatch.setenv(activation.STRICT, "1")
    with pytest.raises(OSError, match="thing"), activation.guarded("throttle"):
        raise OSError("no such thing")


def test_isolated(python):
    """Isolated interpreters look at no path: the launcher leaves them alone."""
    done = python("import sys; print('exec_plugin' in sys.modules)", "paper", "-I")
    assert (done.stdout.strip(), done.stderr) == ("False", "")
