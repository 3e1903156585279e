"""What a run of a bot came to: figures, text, and a page to look at."""

from __future__ import annotations

from exec_plugin.report.page import page
from exec_plugin.report.recorder import Recorder
from exec_plugin.report.result import Deal, Point, Result
from exec_plugin.report.text import text

__all__ = ["Deal", "Point", "Recorder", "Result", "page", "text"]
