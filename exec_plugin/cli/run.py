"""``exec-plugin run``: start somebody else's program with the plugin on."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exec_plugin.activation import AUTO, CONFIG, PAPER, REGISTER, THROTTLE
from exec_plugin.cli.settings import check
from exec_plugin.config import read_config
from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLES = """\b
Examples:
  exec-plugin run -- freqtrade trade --config config.json
  exec-plugin run --paper -- python my_bot.py
  exec-plugin run --throttle -- freqtrade trade --config live.json
  exec-plugin run --config exec_plugin.toml -- -m my_package --verbose
"""

#: The folder whose ``sitecustomize`` turns the plugin on.
LAUNCHER = Path(__file__).parents[1] / "activation" / "launcher"

MODE = {
    PAPER: "Make binance itself the paper exchange.",
    THROTTLE: "Leave binance real, and keep its requests to the budget that this machine shares.",
}
CONFIG_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog=EXAMPLES,
    short_help="Start an unmodified host with the plugin on.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--paper", "modes", flag_value=PAPER, multiple=True, help=MODE[PAPER])
@click.option("--throttle", "modes", flag_value=THROTTLE, multiple=True, help=MODE[THROTTLE])
@click.option("--config", type=CONFIG_FILE, help="A TOML file with settings for the plugin.")
@click.argument("host", metavar="-- HOST [ARGS]...", nargs=-1, required=True, type=click.UNPROCESSED)
def run(modes: tuple[str, ...], config: Path | None, host: tuple[str, ...]) -> None:
    """
    Start a host, such as freqtrade, in a process where ccxt has binancepaper; its children have it as well.

    HOST is a command, a Python file, or -m and a module. The process becomes the host's: signals and the exit code are
    its own.
    """
    variables = environment(os.environ, one_mode(modes), config)
    path, arguments = command(host)
    if config is not None:
        # here a mistake in it is one line; in the host it would be somebody's traceback
        check(read_config(environment=variables))
    try:
        os.execve(path, arguments, variables)  # noqa: S606  no shell is wanted
    except OSError as error:
        raise ConfigError(f"{path} cannot be started: {error.strerror}") from error


def one_mode(modes: Sequence[str]) -> str:
    """
    The one mode that was asked for.

    Raises:
        ConfigError: when there are two.
    """
    if len(set(modes)) > 1:
        raise ConfigError("--paper and --throttle: one or the other; a paper exchange spends nobody's budget")
    return modes[0] if modes else REGISTER


def command(host: Sequence[str]) -> tuple[str, list[str]]:
    """
    What to start, and its arguments.

    Raises:
        ConfigError: when there is no such program.
    """
    name, *rest = host
    if name == "-m" or (name.endswith(".py") and Path(name).is_file()):
        return sys.executable, [sys.executable, *host]
    # this environment first: it has the plugin
    folder = str(Path(sys.executable).parent)
    found = shutil.which(name, path=folder) or shutil.which(name)
    if found is None:
        where = "" if os.sep in name else f" in {folder} and on PATH"
        raise ConfigError(f"there is no program {name!r}: looked for it{where}; is it installed in this environment?")
    return found, [found, *rest]


def environment(current: Mapping[str, str], mode: str, config: Path | None) -> dict[str, str]:
    """The environment of a host: the launcher's folder stands first in its path."""
    paths = [path for path in current.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(LAUNCHER)]
    changed = {**current, "PYTHONPATH": os.pathsep.join([str(LAUNCHER), *paths]), AUTO: mode}
    if config is not None:
        # the host, or a child of it, may be elsewhere
        changed[CONFIG] = str(config.resolve())
    return changed
