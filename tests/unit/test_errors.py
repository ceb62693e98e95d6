"""The tree of errors: stable codes, a status each, and nothing lost on the way between processes."""

from __future__ import annotations

import pickle

from smarttree import errors
from smarttree.errors import QtnError, SmarttreeError

# A client compares codes, so these lines are only ever added to.
STATUSES = {
    "InputError": ("bad-request", 400, 2),
    "BadParameter": ("bad-parameter", 400, 2),
    "UnknownMode": ("unknown-mode", 400, 2),
    "UnknownFormat": ("unknown-format", 400, 2),
    "NotAvailableYet": ("not-available-yet", 400, 2),
    "QtnError": ("bad-qtn", 400, 2),
    "MarqantError": ("bad-marqant", 400, 2),
    "PathError": ("no-such-path", 404, 2),
    "NoSuchChunk": ("no-such-chunk", 404, 1),
    "NotADirectory": ("not-a-directory", 400, 2),
    "NotAFile": ("not-a-file", 400, 2),
    "Unreadable": ("unreadable", 403, 2),
    "RootsOverlap": ("roots-overlap", 409, 2),
    "RootRefused": ("root-refused", 403, 2),
    "TooManyRoots": ("too-many-roots", 409, 2),
    "LastRoot": ("last-root", 409, 2),
    "AmbiguousPath": ("ambiguous-path", 400, 2),
    "ConfigError": ("bad-config", 500, 2),
    "PortInUse": ("port-in-use", 500, 2),
    "HostRefused": ("host-refused", 500, 2),
    "CannotCarry": ("cannot-carry", 415, 2),
    "TooLarge": ("too-large", 413, 2),
    "ChangedWhileRead": ("changed-while-read", 503, 1),
    "NotReady": ("not-ready", 503, 1),
    "TooManySearches": ("too-many-searches", 503, 1),
    "SystemLimit": ("system-limit", 503, 3),
    "WatcherUnavailable": ("watcher-unavailable", 503, 3),
    "StateInUse": ("state-in-use", 503, 3),
    "StateDamaged": ("state-damaged", 503, 1),
    "UnknownClock": ("unknown-clock", 410, 1),
    "CertificateRefused": ("certificate-refused", 500, 1),
    "Refused": ("refused", 403, 1),
    "TokenRequired": ("token-required", 401, 1),
    "TokenRefused": ("token-refused", 401, 1),
    "TooManyAttempts": ("too-many-attempts", 429, 1),
    "TooManyRequests": ("too-many-requests", 429, 1),
    "ScopeMissing": ("scope-missing", 403, 1),
    "OriginRefused": ("origin-refused", 403, 1),
    "AddressRefused": ("address-refused", 403, 1),
    "HostUnknown": ("host-unknown", 421, 1),
    "SmarttreeError": ("error", 500, 1),
}


def test_codes_and_statuses() -> None:
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    found = {n: (k.code, k.http_status, k.exit_status) for n, k in kinds.items() if issubclass(k, SmarttreeError)}
    assert found == STATUSES


def test_an_error_in_qtn1_keeps_what_it_knows() -> None:
    error = QtnError("order", 17).of("tree.qtn")
    again = pickle.loads(pickle.dumps(error))
    assert str(error) == "tree.qtn: siblings not in ascending order (order, byte 17)"
    assert (type(again), str(again), again.code, again.offset) == (QtnError, str(error), "order", 17)
