"""Every `code` of a problem document, with its status and what it means: the one list that answers and pages show."""

from __future__ import annotations

from typing import Final, NamedTuple

from smarttree import errors


class Code(NamedTuple):
    """What a problem's `code` stands for."""

    status: int
    meaning: str


def _of(kind: type[errors.SmarttreeError], meaning: str) -> tuple[str, Code]:
    return kind.code, Code(kind.http_status, meaning)


CODES: Final[dict[str, Code]] = dict(
    (
        _of(errors.BadParameter, "a parameter or body that is unknown, given twice, malformed or out of its range"),
        _of(errors.InputError, "what came is no HTTP request, or its address or headers are too long"),
        _of(errors.UnknownMode, "there is no such mode; the detail lists those there are"),
        _of(errors.UnknownFormat, "there is no such format; the detail lists those there are"),
        _of(errors.NotAvailableYet, "a parameter that comes later"),
        _of(errors.AmbiguousPath, "there are several roots, and the path could be below each"),
        _of(errors.NotADirectory, "the path is not a directory's"),
        _of(errors.NotAFile, "only regular files have a content"),
        _of(errors.TokenRequired, "the server wants a token, and none was shown"),
        _of(errors.TokenRefused, "the token or ticket is not good, or not any more"),
        _of(errors.ScopeMissing, "a good token, for something else"),
        _of(errors.AddressRefused, "--allow does not have the address for which a proxy speaks"),
        _of(errors.OriginRefused, "a page of another origin may not do this"),
        _of(errors.RootRefused, "not below a --watch-base, or there is none"),
        _of(errors.Unreadable, "the user who runs the server may not read the directory"),
        _of(errors.PathError, "there is no such path in the tree, or no such root"),
        _of(errors.NoSuchChunk, "no manifest that was given lately names it"),
        ("no-such-endpoint", Code(404, "there is nothing at this address; `endpoints` lists what there is")),
        ("method-not-allowed", Code(405, "the header Allow lists the methods")),
        ("not-acceptable", Code(406, "neither a type nor a coding that the client takes")),
        ("request-timeout", Code(408, "the body did not come within --request-s")),
        _of(errors.UnknownClock, "the clock can't be led on from; `clock` is one that can, once the tree was fetched"),
        _of(errors.LastRoot, "there is always one root"),
        _of(errors.RootsOverlap, "no root lies inside another"),
        _of(errors.TooManyRoots, "there are as many roots, or requests to change them, as there may be"),
        ("precondition-failed", Code(412, "If-Match names something else")),
        ("request-entity-too-large", Code(413, "a body of more than --max-body-bytes")),
        _of(errors.TooLarge, "more bytes than there may be"),
        _of(errors.CannotCarry, "the format has no form for this content; the detail says which has"),
        ("range-not-satisfiable", Code(416, "the range lies outside; Content-Range tells the size")),
        ("expectation-failed", Code(417, "the header Expect asks for something else than 100-continue")),
        _of(errors.HostUnknown, "the server was called by a name that is none of its own"),
        _of(errors.TooManyAttempts, "wrong tokens too often; Retry-After tells how long to wait"),
        _of(errors.TooManyRequests, "more of an address than may be; Retry-After tells how long to wait"),
        ("internal", Code(500, "a bug; the server's log says more")),
        ("engine-failure", Code(500, "following the disk failed for good, and the server ends")),
        _of(
            errors.NotReady, "the first scan is still running, and `progress` tells how far it is; or the server stops"
        ),
        _of(errors.SystemLimit, "the system refuses what is needed; the detail says how to raise its limit"),
        _of(errors.WatcherUnavailable, "the watcher that was asked for can't work here, and the server ends"),
        _of(errors.StateInUse, "another process holds the state directory, and the server ends"),
        _of(errors.StateDamaged, "what was kept of an earlier run can't be read"),
        ("service-unavailable", Code(503, "slow clients hold too many old answers")),
        _of(errors.ChangedWhileRead, "the file was another each time it was read"),
        _of(errors.TooManySearches, "as many searches run as may at a time"),
        ("gateway-timeout", Code(504, "sync=1 took more than 60 s")),
    )
)

# What can come whatever was asked for: a parameter that nobody knows, and a bug.
ALWAYS: Final = ("bad-parameter", "internal", "address-refused", "host-unknown")
# What comes where the server has tokens, but for health.
GUARDED: Final = ("token-required", "token-refused", "too-many-attempts")
# What comes where an address may ask so often: everywhere but for health, and for streams.
RATED: Final = ("too-many-requests",)
# What an endpoint answers that needs the tree.
NEEDS_TREE: Final = (
    "not-ready",
    "engine-failure",
    "system-limit",
    "watcher-unavailable",
    "state-in-use",
    "state-damaged",
)
# What one answers that takes `path`.
TAKES_PATH: Final = ("no-such-path", "not-a-directory", "ambiguous-path")
# What one answers that is stored: it has an entity tag, and can be asked for in parts.
STORED: Final = ("precondition-failed", "range-not-satisfiable")
