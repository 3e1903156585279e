"""
The command line: ``exec-plugin``.

Results go to stdout, all else to stderr. A mistake that can be corrected is one line and exit code 2.
"""

from __future__ import annotations

from pathlib import Path

import click

from exec_plugin.cli import logs
from exec_plugin.cli.account import account
from exec_plugin.cli.demo import demo
from exec_plugin.cli.enabling import disable, enable, status
from exec_plugin.cli.limits import limits
from exec_plugin.cli.plugins import Extended, plugins
from exec_plugin.cli.record import record
from exec_plugin.cli.run import run
from exec_plugin.cli.serve import serve
from exec_plugin.cli.settings import config

__all__ = ["main"]

EXAMPLES = """\b
Examples:
  exec-plugin demo
  exec-plugin demo --seed 7 --duration 12h --report result.html
  exec-plugin demo --recording ethusdt.gz --balance USDT=5000 --balance ETH=2
  exec-plugin -v --log-file demo.log demo --bot my_bot.py
  exec-plugin limits --watch
  exec-plugin plugins
  exec-plugin config
  exec-plugin run -- freqtrade trade --config config.json
  exec-plugin serve
  exec-plugin account list
  exec-plugin record --target testnet

\b
Shell completion (bash; also zsh and fish):
  eval "$(_EXEC_PLUGIN_COMPLETE=bash_source exec-plugin)"
"""


@click.group(cls=Extended, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="exec-plugin", prog_name="exec-plugin")
@click.option("-v", "--verbose", count=True, help="Log to stderr; -vv logs more and shows where errors come from.")
@click.option("--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Log to this file as well.")
@click.option(
    "--log-format", type=click.Choice(list(logs.FORMATS)), default="text", help="One JSON object a line, for programs."
)
def main(verbose: int, log_file: Path | None, log_format: str) -> None:
    """Paper trading for ccxt bots: a Binance-like market with realistic fills, without a key and a network."""
    click.get_current_context().call_on_close(logs.reset)
    logs.configure(verbose, log_file, log_format)


main.add_command(account)
main.add_command(config)
main.add_command(demo)
main.add_command(disable)
main.add_command(enable)
main.add_command(limits)
main.add_command(plugins)
main.add_command(record)
main.add_command(run)
main.add_command(serve)
main.add_command(status)
