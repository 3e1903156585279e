"""``import exec_plugin.auto`` turns the plugin on, for scripts and hosts that load their user's modules."""

from __future__ import annotations

from exec_plugin.activation import activate

activate(way="import exec_plugin.auto")
