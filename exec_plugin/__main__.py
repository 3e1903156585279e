"""``python -m exec_plugin`` is ``exec-plugin``."""

from .cli import main

if __name__ == "__main__":
    main()
