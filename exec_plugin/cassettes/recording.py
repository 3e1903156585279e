"""Plays are played against an exchange, and their requests and answers kept."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

from exec_plugin.binance import BinanceError
from exec_plugin.cassettes.tape import binance_vcr
from exec_plugin.core.errors import ExecPluginError

if TYPE_CHECKING:
    from pathlib import Path

    from exec_plugin.cassettes.plays import Play
    from exec_plugin.cassettes.scene import Scene


class PlayFailed(ExecPluginError):
    """A play ended otherwise than it should; its old cassette, if there is one, is as it was."""


async def record(play: Play, scene: Scene, folder: Path, origin: str) -> Path:
    """
    Play, and write the cassette.

    Args:
        play: what to do.
        scene: against which exchange.
        folder: of the cassettes.
        origin: what its head says of where the answers come from.

    Raises:
        PlayFailed: when it ended otherwise than it should.
        SecretLeak: when it would have held a secret.
    """
    secrets = (scene.config.api_key.reveal(), scene.config.api_secret.reveal())
    path = folder / f"{play.name}.yaml"
    told = f"{(play.run.__doc__ or play.name).strip()}\nRecorded from {origin} by `exec-plugin record`."
    # apart from the old one: a play that fails changes nothing, and nothing old is kept beside the new
    with tempfile.TemporaryDirectory() as beside:
        made = f"{beside}/{path.name}"
        with binance_vcr("once", told=told, secrets=secrets).use_cassette(made):
            await _perform(play, scene)
        _move(made, path)
    return path


def _move(made: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, path)


async def _perform(play: Play, scene: Scene) -> None:
    try:
        await play.run(scene)
    except BinanceError as error:
        if play.fails is not None and isinstance(error, play.fails):
            return
        wanted = "go well" if play.fails is None else f"end in {play.fails.__name__}"
        msg = f"{play.name} should {wanted}, but: {type(error).__name__}: {error}"
        raise PlayFailed(msg) from error
    if play.fails is not None:
        msg = f"{play.name} should end in {play.fails.__name__}, but went well"
        raise PlayFailed(msg)
