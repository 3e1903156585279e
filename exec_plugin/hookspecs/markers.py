"""pluggy's two markers under this project's name."""

from __future__ import annotations

import pluggy

#: pluggy's project and the group of entry points that plugins are announced in.
PROJECT = "exec_plugin"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
