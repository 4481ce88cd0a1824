"""``python -m mebias``."""

import sys

from mebias.cli import main

if __name__ == "__main__":
    sys.exit(main())
