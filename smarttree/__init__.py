"""Smart Tree: a directory tree, and every change in it, streamed to any number of clients.

The command line is `smarttree.cli`; ARCHITECTURE.md shows where everything else stands.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
