"""Ctrl-C at a chosen place of some code."""

from __future__ import annotations

import sys
from itertools import count


class Interruption:
    """Raises KeyboardInterrupt at the n-th line, or bytecode instruction, that functions of some names or files come to."""

    def __init__(self, number, *places, every="line"):
        self._left = number
        self._places = places
        self._every = every

    def _call(self, frame, event, arg):
        code = frame.f_code
        if not code.co_qualname.startswith(self._places) and not code.co_filename.endswith(self._places):
            return None
        frame.f_trace_opcodes = self._every == "opcode"
        return self._step

    def _step(self, frame, event, arg):
        if event == self._every:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt
        return self._step

    def cuts(self, act):
        """Whether something was interrupted before it came to its end."""
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            act()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


def everywhere(*places, every="line"):
    """An interruption for each place, as many as are wanted."""
    return (Interruption(number, *places, every=every) for number in count(1))
