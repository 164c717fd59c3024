"""``python -m regions``, the same as the command ``regions``."""

from __future__ import annotations

import sys


def run() -> int:
    """The command; its exit code."""
    try:
        from regions.cli.main import main
    except KeyboardInterrupt:  # in the first moments, before the command has a word in it
        sys.stderr.write("regions: interrupted\n")
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
