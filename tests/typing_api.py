"""Typed usages of the public API: never run, only type-checked."""

from __future__ import annotations

from typing import assert_type

import exec_plugin

assert_type(exec_plugin.__version__, str)
exec_plugin.instal()  # type: ignore[attr-defined]
