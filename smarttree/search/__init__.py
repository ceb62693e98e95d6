"""Search: contents and names below directories of a frozen tree, in the order of paths, within bounds.

Threads read and look; whoever asked takes what was found, piece by piece, and never waits for them.
"""

from __future__ import annotations

from smarttree.search.content import CONTEXT_MAX, ContentSearch
from smarttree.search.excerpt import Message
from smarttree.search.names import Names, find_names
from smarttree.search.pattern import CASES, Pattern, compile_pattern
from smarttree.search.scope import Scope

__all__ = [
    "CASES",
    "CONTEXT_MAX",
    "ContentSearch",
    "Message",
    "Names",
    "Pattern",
    "Scope",
    "compile_pattern",
    "find_names",
]
