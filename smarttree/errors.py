"""Every error that a person or a client can cause, drawn as one tree; bugs are not in it.

    SmarttreeError
    ├── InputError            something asked for is malformed
    │   ├── BadParameter
    │   ├── UnknownMode
    │   ├── NotAvailableYet
    │   ├── UnknownFormat
    │   ├── QtnError          bytes that are no QTN1 document
    │   └── MarqantError      bytes that are no marqant container
    ├── PathError             a path that cannot be served
    │   ├── NotADirectory
    │   ├── NotAFile
    │   ├── Unreadable
    │   ├── RootsOverlap
    │   ├── RootRefused
    │   ├── TooManyRoots
    │   ├── LastRoot
    │   └── AmbiguousPath
    ├── ConfigError           a configuration file
    ├── PortInUse
    ├── HostRefused
    ├── CannotCarry           a content that a format has no form for
    ├── TooLarge              more bytes than there may be
    ├── ChangedWhileRead      a file that is written faster than it can be read
    ├── NotReady              the first scan is still running
    ├── TooManySearches       as many run as may at a time
    ├── SystemLimit           the system refuses what we need
    ├── WatcherUnavailable    the watcher that was asked for can't work here
    ├── StateInUse            another process holds the state directory
    ├── StateDamaged          bytes in it that are none of ours, any more
    ├── UnknownClock
    ├── CertificateRefused    an authority signs nothing, for now
    └── Refused               who asks may not
        ├── TokenRequired
        ├── TokenRefused
        ├── TooManyRequests
        │   └── TooManyAttempts
        ├── ScopeMissing
        ├── OriginRefused
        ├── AddressRefused
        └── HostUnknown

The text of each says what to do about it. `code` is stable: clients compare it, so a code is never renamed.
"""

from __future__ import annotations

from typing import ClassVar

from smarttree import wire


class SmarttreeError(Exception):
    """What can go wrong without a bug. `str()` is a whole message for a person, with the remedy in it."""

    code: str = "error"
    http_status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1


class InputError(SmarttreeError):
    """What was asked for is malformed: asking again, the same way, gives the same answer."""

    code = "bad-request"
    http_status = 400
    exit_status = 2


class BadParameter(InputError):
    """A flag, variable or query parameter that is unknown, misspelt or out of its range."""

    code = "bad-parameter"


class UnknownMode(InputError):
    """An output mode that does not exist; the message lists those that do."""

    code = "unknown-mode"


class UnknownFormat(InputError):
    """A format that does not exist; the message lists those that do."""

    code = "unknown-format"


class NotAvailableYet(InputError):
    """Something that is promised but not built. Refused aloud: ignoring it would be a lie."""

    code = "not-available-yet"


class QtnError(InputError):
    """Bytes that are no valid QTN1 document, or records that can't be applied. `code` is spec/QTN1.md's word for it.

    `offset` is where in the document the decoder gave up; of records applied, the index of the record.
    """

    code = "bad-qtn"

    def __init__(self, code: str, offset: int, *, unit: str = "byte", what: str = "") -> None:
        super().__init__(f"{what}{wire.ERRORS[code]} ({code}, {unit} {offset})")
        self.code, self.offset, self._unit = code, offset, unit

    def of(self, what: str) -> QtnError:
        """The same with the name of what was read before its text."""
        return QtnError(self.code, self.offset, unit=self._unit, what=f"{what}: ")

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is pickled as its class and args; without this the way back from a worker would lose the rest.
        return _qtn_error, (str(self), self.code, self.offset)


def _qtn_error(message: str, code: str, offset: int) -> QtnError:
    error = QtnError(code, offset)
    error.args = (message,)
    return error


class MarqantError(InputError):
    """Bytes that are no marqant container, or do not hold the text that they say they hold."""

    code = "bad-marqant"


class PathError(SmarttreeError):
    """A path that does not exist, or not below what is served."""

    code = "no-such-path"
    http_status = 404
    exit_status = 2


class NoSuchChunk(SmarttreeError):
    """No manifest that was given lately names it."""

    code = "no-such-chunk"
    http_status = 404


class NotADirectory(PathError):
    """Only directories can be served or listed."""

    code = "not-a-directory"
    http_status = 400


class NotAFile(PathError):
    """Only regular files have a content."""

    code = "not-a-file"
    http_status = 400


class Unreadable(PathError):
    """The process may not read it."""

    code = "unreadable"
    http_status = 403


class RootsOverlap(PathError):
    """One root contains another, or is the same: every entry has exactly one path."""

    code = "roots-overlap"
    http_status = 409


class RootRefused(PathError):
    """A directory that may not become a root, or a root that may not be removed, at run time."""

    code = "root-refused"
    http_status = 403


class TooManyRoots(PathError):
    """There are as many roots, or requests to change them, as there may be."""

    code = "too-many-roots"
    http_status = 409


class LastRoot(PathError):
    """The only root can't be removed: a stream of nothing could not tell a client that it starts anew."""

    code = "last-root"
    http_status = 409


class AmbiguousPath(PathError):
    """A relative path where there are several roots to relate it to."""

    code = "ambiguous-path"
    http_status = 400


class ConfigError(SmarttreeError):
    """The configuration file is missing, malformed, or has a key that nobody reads."""

    code = "bad-config"
    exit_status = 2


class PortInUse(SmarttreeError):
    """Another process listens on the port."""

    code = "port-in-use"
    exit_status = 2


class HostRefused(SmarttreeError):
    """Listening beyond this machine must be asked for in so many words."""

    code = "host-refused"
    exit_status = 2


class CannotCarry(SmarttreeError):
    """A content that a format has no form for; the message says which has."""

    code = "cannot-carry"
    http_status = 415
    exit_status = 2


class TooLarge(SmarttreeError):
    """More bytes than there may be; the message says how many, and whose bound it is."""

    code = "too-large"
    http_status = 413
    exit_status = 2


class ChangedWhileRead(SmarttreeError):
    """A file was another each time it was read; ask again when it has come to rest."""

    code = "changed-while-read"
    http_status = 503


class NotReady(SmarttreeError):
    """The first scan has not ended; the same request will be answered later."""

    code = "not-ready"
    http_status = 503


class TooManySearches(SmarttreeError):
    """As many searches run as may at a time; one that ends makes room."""

    code = "too-many-searches"
    http_status = 503


class SystemLimit(SmarttreeError):
    """The system refuses a resource (inotify watches, descriptors); the message says how to raise the limit."""

    code = "system-limit"
    http_status = 503
    exit_status = 3


class WatcherUnavailable(SmarttreeError):
    """The watcher that was asked for by name can't work here; the message says why, and what to do."""

    code = "watcher-unavailable"
    http_status = 503
    exit_status = 3


class StateInUse(SmarttreeError):
    """One process at a time holds a state directory; the message names the one that does."""

    code = "state-in-use"
    http_status = 503
    exit_status = 3


class StateDamaged(SmarttreeError):
    """What was kept of an earlier run can't be read: a new epoch begins, and clients fetch the tree anew."""

    code = "state-damaged"
    http_status = 503


class UnknownClock(SmarttreeError):
    """A clock that was never issued here, or is older than what is kept. `clock`: one to go on from."""

    code = "unknown-clock"
    http_status = 410

    def __init__(self, message: str, clock: str) -> None:
        super().__init__(message)
        self.clock = clock


class CertificateRefused(SmarttreeError):
    """An authority gives no certificate; it is asked again later, and not before the `wait_s` that it has said."""

    code = "certificate-refused"

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Refused(SmarttreeError):
    """Who asks may not have what is asked for."""

    code = "refused"
    http_status = 403


class TokenRequired(Refused):
    """There are tokens, and none was shown."""

    code = "token-required"
    http_status = 401


class TokenRefused(Refused):
    """A token or ticket that is not good, or not any more."""

    code = "token-refused"
    http_status = 401


class TooManyRequests(Refused):
    """An address asks oftener than it may. `wait_s`: when it may again."""

    code = "too-many-requests"
    http_status = 429

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class TooManyAttempts(TooManyRequests):
    """An address was wrong about tokens too often. A right one is answered all the same."""

    code = "too-many-attempts"


class ScopeMissing(Refused):
    """A good token, for something else."""

    code = "scope-missing"


class OriginRefused(Refused):
    """A page of another origin, or who does not say of which one, asks for what only a page of this server may."""

    code = "origin-refused"


class AddressRefused(Refused):
    """An address, as a trusted proxy tells it, that the allowlist does not have."""

    code = "address-refused"


class HostUnknown(Refused):
    """The request calls this server by a name that is none of its own."""

    code = "host-unknown"
    http_status = 421
