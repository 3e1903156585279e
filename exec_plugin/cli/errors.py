"""How a command fails: one line on stderr and exit code 2."""

from __future__ import annotations

from typing import Any

import click

from exec_plugin.core.errors import ExecPluginError

#: From this many ``-v`` on, errors come with their traceback.
TRACEBACKS = 2


class Failure(click.ClickException):
    """What the user can correct; the message says how."""

    exit_code = 2


class Commands(click.Group):
    """A group whose commands may raise the package's own errors."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors become one line."""
        try:
            return super().invoke(ctx)
        except ExecPluginError as error:
            if ctx.params["verbose"] >= TRACEBACKS:
                raise
            raise Failure(str(error)) from error
