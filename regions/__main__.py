"""``python -m regions``, the same as the command ``regions``."""

import sys

from regions.cli.main import main

sys.exit(main())
