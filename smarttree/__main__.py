"""`python -m smarttree` is the command `st`."""

from __future__ import annotations

import sys

from smarttree.cli import main

if __name__ == "__main__":
    sys.exit(main())
