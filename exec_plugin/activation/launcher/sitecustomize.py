# ruff: noqa: INP001, PTH100, PTH120  a folder of Python's path is no package, and pathlib takes 5 ms
"""
What ``exec-plugin run`` puts in front of a host's path: Python imports it before the host's first line.

A ``sitecustomize`` that this one hides runs as well. Standard library only, and exec_plugin only if it is there.
"""

import importlib.machinery
import importlib.util
import os
import sys


def _activate() -> None:
    mode = os.environ.get("EXEC_PLUGIN_AUTO", "")
    try:
        from exec_plugin.activation import startup
    except ImportError as error:
        sys.stderr.write(f"exec_plugin: {error}; install exec-plugin for {sys.executable} as well\n")
        if mode == "paper":
            # an import of ccxt now fails: no exchange rather than a real one
            sys.modules["ccxt"] = None  # type: ignore[assignment]
    else:
        startup(mode or "register", "exec-plugin run")


def _run_hidden() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


_activate()
# last: what it raises is its own, and Python tells of it as ever
_run_hidden()
