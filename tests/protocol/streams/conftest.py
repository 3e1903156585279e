"""Random markets are those of the core's tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "core"))
