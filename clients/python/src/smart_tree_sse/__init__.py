"""A client of smarttree: its stream of changes, an exact live mirror of a remote tree, and its calls.

Law: whatever is public is named here, and nothing else is.
"""

from .client import SmartTreeSSE
from .errors import ConnectionLostError, ProblemError, QtnError, SmartTreeError, StreamEndedError
from .events import ChangeEvent, Event, MessageEvent, OtherEvent, QuantumEvent, StatsEvent, TreeEvent
from .globs import Glob
from .lookup import Lookup
from .mirror import Applied, Lost, Mirror, MirrorEvent, Rebased
from .options import Options
from .qtn import Batch, Delta, Document, Manifest, Record, Snapshot, decode, decompress
from .stream import Stream
from .subscription import Subscription
from .told import Entry, TreeChange

__version__ = "0.1.0"

__all__ = [
    "Applied", "Batch", "ChangeEvent", "ConnectionLostError", "Delta", "Document", "Entry", "Event", "Glob", "Lookup",
    "Lost", "Manifest", "MessageEvent", "Mirror", "MirrorEvent", "Options", "OtherEvent", "ProblemError", "QtnError",
    "QuantumEvent", "Rebased", "Record", "SmartTreeError", "SmartTreeSSE", "Snapshot", "StatsEvent", "Stream",
    "StreamEndedError", "Subscription", "TreeChange", "TreeEvent", "__version__", "decode", "decompress",
]  # fmt: skip
