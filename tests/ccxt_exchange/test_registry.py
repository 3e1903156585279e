"""``binancepaper`` in ccxt's namespaces."""

import importlib
import subprocess
import sys

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

import exec_plugin.ccxt_exchange as face
from exec_plugin.ccxt_exchange import aio, pro, registry, sync

NAMESPACES = [(ccxt, sync), (ccxt.async_support, aio), (ccxt.pro, pro)]

both = pytest.mark.parametrize(("namespace", "module"), NAMESPACES, ids=[n.__name__ for n, _ in NAMESPACES])


def run(code, root):
    """Run code in an interpreter of its own and answer what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@both
@pytest.mark.usefixtures("installed")
def test_registered(namespace, module):
    """Attribute, list of exchanges and submodule are those of an exchange that ccxt ships."""
    assert namespace.binancepaper is module.binancepaper
    assert namespace.exchanges.count("binancepaper") == 1
    assert getattr(namespace, "__all__", ["binancepaper"]).count("binancepaper") == 1
    assert importlib.import_module(f"{namespace.__name__}.binancepaper").binancepaper is module.binancepaper


@pytest.mark.usefixtures("installed")
def test_twice():
    """Installing again changes nothing."""
    face.install()
    assert ccxt.exchanges.count("binancepaper") == 1
    assert sys.meta_path.count(registry._finder) == 1


@both
def test_uninstall(namespace, module):
    """Uninstalling leaves ccxt as it was, and may be repeated."""
    before = list(namespace.exchanges)
    face.install()
    face.uninstall()
    face.uninstall()
    assert namespace.exchanges == before
    assert not hasattr(namespace, "binancepaper")
    assert f"{namespace.__name__}.binancepaper" not in sys.modules
    assert not face.installed()


def test_again(installed):
    """Installing after uninstalling works."""
    face.uninstall()
    face.install()
    assert ccxt.binancepaper is sync.binancepaper


def test_light(root):
    """Importing the package imports no ccxt; installing imports the blocking namespace only."""
    code = (
        "import sys, exec_plugin.ccxt_exchange as f; print('ccxt' in sys.modules); f.install();"
        "print('ccxt' in sys.modules, 'ccxt.async_support' in sys.modules, 'ccxt.pro' in sys.modules)"
    )
    assert run(code, root) == ["False", "True", "False", "False"]


@pytest.mark.parametrize("namespace", ["ccxt", "ccxt.async_support", "ccxt.pro"])
def test_after_install(root, namespace):
    """After install, importing a namespace brings the class, whatever was imported before."""
    code = (
        "import exec_plugin; exec_plugin.install();"
        f"import {namespace} as ccxt; print(ccxt.binancepaper().id, 'binancepaper' in ccxt.exchanges)"
    )
    assert run(code, root) == ["binancepaper", "True"]


@pytest.mark.parametrize("namespace", ["ccxt", "ccxt.async_support", "ccxt.pro"])
def test_before_install(root, namespace):
    """A namespace imported before install gets the class too."""
    code = (
        f"import {namespace} as ccxt, exec_plugin.ccxt_exchange as f; f.install();"
        "print(ccxt.binancepaper().id, 'binancepaper' in ccxt.exchanges)"
    )
    assert run(code, root) == ["binancepaper", "True"]


@pytest.mark.parametrize("module", ["sync", "aio", "pro"])
def test_face_first(root, module):
    """Where a pickle imports the class before anybody imports ccxt, registration waits for the class."""
    code = (
        "from exec_plugin.ccxt_exchange import registry; registry.hook();"
        f"from exec_plugin.ccxt_exchange import {module} as face; import sys;"
        "names = {'sync': 'ccxt', 'aio': 'ccxt.async_support', 'pro': 'ccxt.pro'};"
        f"print(sys.modules[names[{module!r}]].binancepaper is face.binancepaper)"
    )
    assert run(code, root) == ["True"]


def test_not_installed(root):
    """Without install the classes can be used and ccxt stays as it is."""
    code = (
        "from exec_plugin.ccxt_exchange.pro import binancepaper; import ccxt.pro;"
        "print(binancepaper().id, hasattr(ccxt.pro, 'binancepaper'), 'binancepaper' in ccxt.exchanges)"
    )
    assert run(code, root) == ["binancepaper", "False", "False"]


def test_spawned(root):
    """A child process unpickles an instance without being told of this package."""
    code = "import pickle; from exec_plugin.ccxt_exchange.sync import binancepaper; print(pickle.dumps(binancepaper()).hex())"
    (text,) = run(code, root)
    assert run(f"import pickle; print(pickle.loads(bytes.fromhex('{text}')).id)", root) == ["binancepaper"]


def test_loader_kept(root):
    """The hooked module keeps its own loader, so its files and source can still be found."""
    code = (
        "import exec_plugin.ccxt_exchange as f; f.install(); import ccxt.pro, importlib.util, inspect;"
        "print(type(ccxt.pro.__spec__.loader).__name__, len(inspect.getsource(ccxt.pro)) > 1000)"
    )
    assert run(code, root) == ["SourceFileLoader", "True"]
