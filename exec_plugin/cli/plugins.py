"""``exec-plugin plugins``: which plugins are active, where they come from, and why others are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from exec_plugin.cli.errors import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exec_plugin.plugins import Status

EXAMPLES = """\b
Examples:
  exec-plugin plugins
  exec-plugin plugins --json
  EXEC_PLUGIN__PLUGINS=my_plugin exec-plugin plugins
"""


@click.command(epilog=EXAMPLES, short_help="Show which plugins are active, and why others are not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(*, as_json: bool) -> None:
    """Show which plugins are active with the settings as they are here, from which package, and why others are not."""
    from attrs import asdict

    from exec_plugin.plugins import current

    states = current().states
    if as_json:
        click.echo(json.dumps([asdict(state) for state in states], indent=2))
        return
    for line in lines(states):
        click.echo(line)


def lines(states: list[Status]) -> Iterator[str]:
    """What became of each plugin, for people."""
    width = max(len(state.name) for state in states)
    for state in states:
        yield f"{state.name:<{width}}  {state.state:<9}  {state.distribution} {state.version}".rstrip()
        if state.reason:
            yield f"{'':<{width}}  {state.reason}"
        if state.hooks:
            yield f"{'':<{width}}  {', '.join(state.hooks)}"


class Extended(Commands):
    """A group that plugins may add commands to; those that are built in stay what they are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands; of plugins' none while the settings are wrong, which ``plugins`` will tell."""
        from exec_plugin.core.errors import ExecPluginError

        try:
            return sorted({*super().list_commands(ctx), *_foreign()})
        except ExecPluginError:
            return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        return super().get_command(ctx, cmd_name) or _foreign().get(cmd_name)


def _foreign() -> Mapping[str, click.Command]:
    """The commands of plugins; nothing is loaded where the settings name none."""
    from exec_plugin.config import read_config

    if not read_config().plugins:
        return {}
    from exec_plugin.plugins import collected, current

    commands: list[Any] = collected(current(), "exec_commands")
    return {str(command.name): command for command in commands if isinstance(command, click.Command)}
