"""Loading plugins: the built-in ones, and those that the settings name."""

from __future__ import annotations

import importlib
import logging
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import frozen

from exec_plugin.config import masked, nearest
from exec_plugin.config.names import SECTIONS
from exec_plugin.core.errors import ConfigError
from exec_plugin.hookspecs import PROJECT, specs
from exec_plugin.plugins.observing import Failures, Observer, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution, EntryPoint

    from exec_plugin.config import Config

logger = logging.getLogger(__name__)

#: The built-in plugins, which are active unless they are blocked; pyproject.toml announces the same.
BUILT_INS = {"binance": "exec_plugin.binance.plugin", "paper": "exec_plugin.ccxt_exchange.plugin"}
ACTIVE, BLOCKED, UNNAMED, FAILED = "active", "blocked", "not named", "failed"


@frozen
class Status:
    """
    What became of a plugin.

    Args:
        name: as the settings name it.
        state: active, blocked, not named (installed only) or failed.
        reason: why it is not active.
        distribution, version: of the package that it came with, where that is known.
        hooks: what it implements.
    """

    name: str
    state: str
    reason: str = ""
    distribution: str = ""
    version: str = ""
    hooks: tuple[str, ...] = ()


class Plugins(pluggy.PluginManager):
    """
    pluggy's manager with this package's hooks, loaded as the settings say.

    ``failures`` counts what listeners did wrong, ``config`` are the settings.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(PROJECT)
        self.config = config
        self.failures = Failures()
        self._states: dict[str, tuple[str, str]] = {}
        self._entries: dict[str, EntryPoint] | None = None
        self._closed = False
        self.add_hookspecs(specs)
        self.hook.exec_configure.call_historic(kwargs={"config": self._shown()})
        for name in config.block:
            self.set_blocked(name)
        named = [name for name in config.plugins if name not in BUILT_INS]
        for name in (*BUILT_INS, *named):
            self._add(name)
        if config.strict:
            self._insist()

    def _shown(self) -> dict[str, Any]:
        """The settings that plugins are configured with: other people's keys are none of their business."""
        return {name: masked(name, value) if name in SECTIONS else value for name, value in self.config.values.items()}

    # ------------------------------------------------------------------ loading

    def _add(self, name: str) -> None:
        if self.is_blocked(name):
            self._states[name] = (BLOCKED, "the settings block it")
            return
        try:
            self._register(name)
        except (Exception, SystemExit) as error:
            self._drop(name)
            reason = in_a_line(error)
            self._states[name] = (FAILED, reason)
            logger.error("plugin %r is not active: %s", name, reason)  # noqa: TRY400 - one line; the rest is for -vv
            logger.debug("plugin %r failed", name, exc_info=error)
        else:
            self._states[name] = (ACTIVE, "")

    def _register(self, name: str) -> None:
        plugin = self._find(name)
        if (known := self.get_name(plugin)) is not None:
            msg = f"it is the plugin {known!r} once more"
            raise ConfigError(msg)
        self.register(plugin, name)
        if not self.get_hookcallers(plugin):
            msg = "it implements no hook; mark its functions with exec_plugin.hookimpl"
            raise ConfigError(msg)
        self._check_hooks(plugin)

    def _check_hooks(self, plugin: object) -> None:
        for caller in self.get_hookcallers(plugin) or ():
            if not caller.has_spec():
                msg = f"there is no hook {caller.name!r}; {nearest(caller.name, hook_names())}"
                raise ConfigError(msg)
            for each in caller.get_hookimpls():
                if each.plugin is plugin and (each.wrapper or each.hookwrapper or iscoroutinefunction(each.function)):
                    msg = f"its {caller.name} is a wrapper or a coroutine; hooks here are plain functions"
                    raise ConfigError(msg)

    def _find(self, name: str) -> object:
        """The plugin of an entry point's name, or the module of a dotted one."""
        if name in BUILT_INS:
            return importlib.import_module(BUILT_INS[name])
        entry = self._installed().get(name)
        if entry is not None:
            return entry.load()
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                # it is there, and something that it needs is not
                raise
            msg = f"no installed package announces it and there is no such module; {nearest(name, self._known())}"
            raise ConfigError(msg) from error

    def _drop(self, name: str) -> None:
        if self.has_plugin(name):
            self.unregister(name=name)

    def _insist(self) -> None:
        for name, (state, reason) in self._states.items():
            if state == FAILED:
                msg = f"plugin {name!r} is not active, and strict=true insists on it: {reason}"
                raise ConfigError(msg)

    def _installed(self) -> dict[str, EntryPoint]:
        """What installed packages announce; looking costs some ms, so only those look who name something."""
        if self._entries is None:
            from importlib.metadata import entry_points

            self._entries = {entry.name: entry for entry in entry_points(group=PROJECT)}
        return self._entries

    def _known(self) -> set[str]:
        return {*BUILT_INS, *self._installed()}

    # ------------------------------------------------------------------ what there is

    @property
    def states(self) -> list[Status]:
        """Every plugin that is active, named, blocked or only installed, and what became of it."""
        found = dict.fromkeys(self._known(), (UNNAMED, "name it in plugins = [...] of [exec_plugin]"))
        registered = {self.get_name(plugin): (ACTIVE, "") for plugin in self.get_plugins()}
        found |= {name: told for name, told in registered.items() if name is not None}
        found |= self._states
        return [self._status(name, *found[name]) for name in sorted(found)]

    def _status(self, name: str, state: str, reason: str) -> Status:
        hooks: Iterable[str] = ()
        if state == ACTIVE:
            hooks = sorted(caller.name for caller in self.get_hookcallers(self.get_plugin(name)) or ())
        distribution = self._distribution(name)
        named = ("", "") if distribution is None else (distribution.name, distribution.version)
        return Status(name, state, reason, *named, tuple(hooks))

    def _distribution(self, name: str) -> Distribution | None:
        """The package that a plugin came with: that of its entry point, else that of its module."""
        entry = self._installed().get(name)
        if entry is not None and entry.dist is not None:
            return entry.dist
        from importlib.metadata import distribution, packages_distributions

        module = BUILT_INS.get(name) or getattr(self.get_plugin(name), "__name__", "")
        owners = packages_distributions().get(str(module).partition(".")[0], ())
        return distribution(owners[0]) if owners else None

    @property
    def is_plain(self) -> bool:
        """Whether only the built-in plugins are active."""
        return {self.get_name(plugin) for plugin in self.get_plugins()} <= set(BUILT_INS)

    def observer(self, hook: str) -> Observer:
        """Those who listen to a hook now."""
        return Observer(getattr(self.hook, hook), self.failures)

    def close(self) -> None:
        """Tell all plugins that they are let go of; once."""
        if not self._closed:
            self._closed = True
            Observer(self.hook.exec_unconfigure, self.failures)()


def hook_names() -> list[str]:
    """The names of all hooks."""
    return sorted(name for name in vars(specs) if name.startswith("exec_"))
