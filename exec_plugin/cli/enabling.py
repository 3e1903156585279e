"""``exec-plugin enable``, ``disable`` and ``status``: the plugin in whatever an environment's Python runs."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import click

from exec_plugin.activation import AUTO, CONFIG, MODES, OFF, PAPER, THROTTLE, active
from exec_plugin.cli.run import CONFIG_FILE, MODE, one_mode
from exec_plugin.core.errors import ConfigError

NAME = "exec_plugin_auto.pth"
MARK = "# Written by `exec-plugin enable`."
# Python runs the line that begins with import at the start of every interpreter; it must be one line, cheap, and do no
# harm when the package has gone: but for a host that was to trade on paper, which then gets no ccxt.
FILE = """\
{mark} `exec-plugin disable` removes it; so does deleting this file. {auto}={off} turns it off.
import importlib.util, os, sys; os.environ.get({auto!r}) != {off!r} and (__import__("exec_plugin.activation", \
fromlist=["startup"]).startup({mode!r}, {path!r}, {config!r}) if importlib.util.find_spec("exec_plugin") else {gone})
"""
GONE = {PAPER: 'sys.modules.__setitem__("ccxt", None)'}

EXAMPLES = """\b
Examples:
  exec-plugin enable
  exec-plugin enable --paper --config /etc/exec_plugin.toml
  exec-plugin status
  exec-plugin disable
"""


def startup_file() -> Path:
    """Where this environment's start-up file is, or would be."""
    return Path(sysconfig.get_path("purelib")) / NAME


@click.command(epilog=EXAMPLES, short_help="Turn the plugin on for all that this environment's Python runs.")
@click.option("--paper", "modes", flag_value=PAPER, multiple=True, help=MODE[PAPER])
@click.option("--throttle", "modes", flag_value=THROTTLE, multiple=True, help=MODE[THROTTLE])
@click.option("--config", type=CONFIG_FILE, help="A TOML file with settings for the plugin.")
def enable(modes: tuple[str, ...], config: Path | None) -> None:
    """
    Turn the plugin on for all that this environment's Python runs, by a start-up file in its site-packages.

    For services and other hosts that cannot be started with exec-plugin run.
    """
    path, mode = _own(startup_file()), one_mode(modes)
    settings = str(config.resolve()) if config else ""
    text = FILE.format(mark=MARK, auto=AUTO, off=OFF, mode=mode, path=str(path), config=settings, gone=GONE.get(mode))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; use an environment of your own") from error
    click.echo(f"written: {path}")
    click.echo(f"Every Python of this environment now starts with mode {mode}: {MODES[mode]}.")
    click.echo("To undo it: exec-plugin disable")


@click.command(short_help="Remove the start-up file that enable has written.")
def disable() -> None:
    """Remove the start-up file that enable has written, and nothing else."""
    path = _own(startup_file())
    if not path.exists():
        click.echo(f"nothing to remove: {path} does not exist")
        return
    try:
        path.unlink()
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error.strerror}") from error
    click.echo(f"removed: {path}")


@click.command(short_help="Tell whether the plugin is on in this environment, and by what.")
def status() -> None:
    """Tell whether the plugin is on in what this environment's Python runs, and by what."""
    state, path = active(), startup_file()
    if state is None:
        click.echo("off: Python starts here as if exec_plugin were not installed")
    else:
        click.echo(f"on by {state.way}, mode {state.mode}: {MODES[state.mode]}")
    click.echo(f"start-up file: {path if path.exists() else f'none; exec-plugin enable would write {path}'}")
    for name in (AUTO, CONFIG):
        click.echo(f"{name}: {os.environ.get(name) or 'not set'}")


def _own(path: Path) -> Path:
    """The path, unless somebody else's file is there."""
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise ConfigError(f"{path} was not written by exec-plugin enable, and is left alone")
    return path
