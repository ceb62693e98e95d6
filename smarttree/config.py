"""What can be set, as small frozen values: one for each concern, units in the names. Nothing here reads argv,
the environment or a file (`smarttree.cli` does), and nobody changes a value after the start.

The defaults stand here and nowhere else; the help text and the documentation show these.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from smarttree.wire import DEFAULT_PORT

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this system, who holds no right that others don't. `groups` are all it is in; `home` is "" for none."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateConfig:
    """Where the log outlives the process. `family`: the directory of all default places, where it is one of those."""

    directory: bytes
    family: bytes | None = None
    fsync_s: float = 1.0  # a power cut costs at most what was told in that time; 0: whatever the system has not written


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """What is watched, and how changes become batches.

    `roots` are absolute real paths as the kernel spells them, none inside another.
    """

    roots: tuple[bytes, ...]
    batch_ms: int = 50  # the first change after a quiet time does not wait: this is the window of those after it
    vcs_settle_ms: int = 30_000  # while git works, changes are held back for so long at most; 0: not at all
    batch_max: int = 50_000  # changes; more are cut into consecutive clocks, as are ...
    batch_max_bytes: int = 1 << 20  # ... more bytes of the binary BATCH
    retention_bytes: int = 256 << 20
    retention_s: float = 86_400.0
    hardlink_poll_s: float = 60.0  # how often files with links outside the roots are looked at; 0: not at all
    scan_threads: int = 2  # measured: two give 1.37 times one (inode-cache misses, not system calls, are the cost)
    watch: bool = True
    watch_bases: tuple[bytes, ...] = ()  # real paths: below these, roots may come and go while it runs
    max_roots: int = 100  # no more are added; each is told by itself in every opening, and looked for once a second
    watcher: str = "auto"  # or the name of one in `smarttree.watch`
    content_hash: bool = False  # whether contents are read and compared
    content_max_bytes: int = 64 << 20  # those of larger files are not
    content_quiet_s: float = 1.0  # what was changed more lately is likely to change again: it is not read yet
    content_settle_s: float = 2.0  # for so long after a change of a file was told, nothing is told to leave it the same
    poll_s: float = 2.0  # between two passes of the watcher that polls; longer where they take long
    exclude: tuple[bytes, ...] = ()  # globs as in a .gitignore, relative to each root
    include: tuple[bytes, ...] = ()
    gitignore: bool = False  # rule files in the tree count
    state: StateConfig | None = None  # None: history is in memory, and ends with the process


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Where and how clients are served. `host` None is loopback: 127.0.0.1, and ::1 where the machine has it."""

    host: str | None = None
    port: int = DEFAULT_PORT  # 0 lets the system choose one
    mode: str = "quantum"
    cors: tuple[str, ...] = ()
    heartbeat_s: float = 15.0
    stats_interval_s: float = 10.0
    retry_min_ms: int = 1000  # clients come back after a random time in between, so that they do not come all at once
    retry_max_ms: int = 3000
    max_connections: int = 10_000  # streams; as many connections, and a thousand for all else
    max_address_connections: int = 2_000  # of one address; what is so counted, but for this machine, is in ...
    max_address_streams: int = 1_000  # ... `http.addresses`; without a token
    max_token_streams: int = 5_000
    max_request_rate: int = 200  # of one address, in a second
    max_body_bytes: int = 64 << 10  # ten paths as long as the kernel takes one, each byte escaped
    max_searches: int = 4  # at a time; each has a few threads, and up to 32 MiB of a file in each
    request_s: float = 10.0  # for a request's head, a body, a TLS handshake
    idle_s: float = 10.0  # between two requests on a connection
    compress: bool = False  # streams too, for clients that take them so
    fanout: str = "auto"  # or the name of one in `smarttree.stream.carriers`
    compress_max_bytes: int = 64 << 20  # of a file whose content is asked for compressed
    insecure: bool = False
    auth_token: str | None = None  # a secret: never told or logged
    auth_token_file: str | None = None
    token_in_query: bool = False  # whether `?token=` is as good as the header
    allow: tuple[Network, ...] = ()  # who may connect, beside this machine; then it listens on all addresses
    allow_file: str | None = None  # more of them
    trusted_proxies: tuple[Network, ...] = ()  # whose word on who they speak for counts
    https: bool = False  # with `cert` and `key`, one for `domain` by ACME, or one for this machine that nobody signed
    cert: str | None = None
    key: str | None = None
    domain: str | None = None
    acme_directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    acme_ca_file: str | None = None  # whom to trust about the authority itself
    acme_http_port: int = 80  # where http-01 is answered; others are sent on to HTTPS
    acme_retry_s: float = 60.0  # after the first failure; then twice as long, and so on
    trusted_hosts: tuple[str, ...] = ()  # by what names it may be called, beside its own
    access_log: bool = False  # whether each request is told in the log
    user: Account | None = None  # who the process becomes for good, once the ports are open

    @property
    def is_listed(self) -> bool:
        """Whether there is a list of who may connect."""
        return bool(self.allow) or self.allow_file is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """How the log is written: `text` for people, `json` for programs. `verbosity` is -1, 0 or 1."""

    format: str = "text"
    verbosity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """Which document `st decode` prints, and how. `path` "-" is standard input."""

    path: str
    mode: str = "classic"
    depth: int | None = None
    max_bytes: int = 64 << 20  # of a marqant container's text


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorConfig:
    """What `st doctor` reports on. `roots` as in ServiceConfig."""

    roots: tuple[bytes, ...]
    json: bool = False
    scan_threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesConfig:
    """What `st state` tells of, or removes. `paths` are as given; none: all that are in `family`."""

    paths: tuple[str, ...]
    family: bytes
    json: bool = False
    remove: bool = False
    yes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowConfig:
    """What `st PATH` prints. `depth` is how many levels below `path` are told; None is all of them."""

    path: bytes
    mode: str = "classic"
    depth: int | None = None
    scan_threads: int = 2
    exclude: tuple[bytes, ...] = ()  # as in ServiceConfig
    include: tuple[bytes, ...] = ()
    gitignore: bool = False
