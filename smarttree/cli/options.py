"""Every setting stands once, in `OPTIONS`: its flag, its variable, its key in a file, its reader, its help.

The parser, the environment, the file and the help text are all made from this table, so they cannot drift apart.
Defaults are not here: they are those of `smarttree.config`.
"""

from __future__ import annotations

from typing import Final

from smarttree import watch
from smarttree.cli import logs, values
from smarttree.cli.limits import LIMITS
from smarttree.cli.option import Group, Option, Scope
from smarttree.cli.security import SECURITY
from smarttree.modes import MODES
from smarttree.stream import carriers

__all__ = ["BY_KEY", "OPTIONS", "Group", "Option", "Scope"]


_TB: Final = 1 << 40

_NOW: Final = (
    Option(
        name="serve",
        group=Group.WHAT,
        help="serve each PATH and stream its changes, instead of printing it once",
    ),
    Option(
        name="mode",
        group=Group.WHAT,
        read=values.read_text,
        metavar="MODE",
        targets=("http.mode", "show.mode", "decode.mode"),
        help=f"how a tree is told: {', '.join(MODES[:-1])} or {MODES[-1]}; "
        "by default quantum (the QTN1 format) when serving, classic when printing",
    ),
    Option(
        name="depth",
        group=Group.WHAT,
        scope=Scope.SHOW,
        read=values.read_whole(0, 1_000_000),
        metavar="N",
        targets=("show.depth", "decode.depth"),
        help="print N levels below PATH, not everything; not for digest, quantum, stats and summary-ai",
    ),
    Option(
        name="max-bytes",
        group=Group.WHAT,
        scope=Scope.DECODE,
        read=values.read_bytes(0, 1 << 40),
        metavar="BYTES",
        targets=("decode.max_bytes",),
        help="refuse a marqant FILE whose text is larger than this: one of a few bytes can say a terabyte",
    ),
    Option(
        name="exclude",
        group=Group.WHAT,
        read=values.read_glob,
        metavar="GLOB",
        many=True,
        separator="\n",
        targets=("service.exclude", "show.exclude"),
        help="leave out what matches: neither read nor watched nor told. A glob is a line of a .gitignore, relative to "
        "PATH: '*.o' anywhere, '/build/' that directory at the top, 'docs/**/*.pdf'; repeat it, or one a line",
    ),
    Option(
        name="include",
        group=Group.WHAT,
        read=values.read_glob,
        metavar="GLOB",
        many=True,
        separator="\n",
        targets=("service.include", "show.include"),
        help="bring back what --exclude or --gitignore leaves out, unless a directory above it is left out; "
        "'.git' brings back what is in directories of that name, which are told without content otherwise",
    ),
    Option(
        name="gitignore",
        group=Group.WHAT,
        targets=("service.gitignore", "show.gitignore"),
        help="leave out what .gitignore, .ignore and .git/info/exclude say, wherever they are below PATH, as git does, "
        "also when they change; files above PATH, core.excludesFile and other settings of git do not count",
    ),
    Option(
        name="json",
        group=Group.WHAT,
        scope=Scope.DOCTOR,
        in_environment=False,
        in_file=False,
        targets=("doctor.json", "states.json"),
        help="the report of `st doctor`, or of `st state`, for scripts",
    ),
    Option(
        name="remove",
        group=Group.WHAT,
        scope=Scope.STATES,
        in_environment=False,
        in_file=False,
        targets=("states.remove",),
        help="remove the state in PATH, if no server uses it: clients of its trees then fetch them anew",
    ),
    Option(
        name="yes",
        group=Group.WHAT,
        scope=Scope.STATES,
        in_environment=False,
        in_file=False,
        targets=("states.yes",),
        help="without asking",
    ),
    Option(
        name="version",
        group=Group.WHAT,
        in_environment=False,
        in_file=False,
        help="print the version and what it runs on, then exit",
    ),
    Option(
        name="port",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        read=values.read_whole(0, 65_535),
        metavar="PORT",
        targets=("http.port",),
        help="the port to listen on; 0 lets the system choose one, and the log names it",
    ),
    Option(
        name="host",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        read=values.read_host,
        metavar="ADDR",
        targets=("http.host",),
        help="the address to listen on, instead of this machine only (127.0.0.1 and ::1); "
        "any other needs --auth-token or --allow as well, or --insecure",
    ),
    Option(
        name="insecure",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        targets=("http.insecure",),
        help="let anyone who can reach --host read the tree: names, sizes, times and contents",
    ),
    Option(
        name="cors",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        read=values.read_origin,
        metavar="ORIGIN",
        many=True,
        targets=("http.cors",),
        help="let web pages of this origin read the tree (https://app.example.com); "
        "repeat it or separate by commas; '*' lets every page",
    ),
    Option(
        name="compress",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        targets=("http.compress",),
        help="compress streams (zstd, gzip) for the clients that take them so, as most libraries and browsers say they "
        "do: a quarter of the bytes, for some time at both ends; /tree is compressed for who asks for it anyway",
    ),
    Option(
        name="compress-max-bytes",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        read=values.read_bytes(0, 1 << 30),
        metavar="BYTES",
        targets=("http.compress_max_bytes",),
        help="give out the contents of files up to this size at /compress; 0 gives out none",
    ),
    Option(
        name="access-log",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        targets=("http.access_log",),
        help="log each request: its method, endpoint, status, time, bytes and peer, and nothing of what was asked for",
    ),
    Option(
        name="fanout",
        group=Group.NETWORK,
        scope=Scope.SERVE,
        read=values.read_word(*carriers.NAMES),
        metavar="NAME",
        targets=("http.fanout",),
        help="what sends to the streams: reactor (Linux; a thread of its own, which keeps thousands of clients out of "
        "everyone's way) or loop; auto takes the reactor where it can, and the loop for what that can't serve",
    ),
    Option(
        name="watch-base",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="DIR",
        many=True,
        targets=("service.watch_bases",),
        help="let clients add directories below DIR, and remove them and PATHs again, by POST and DELETE /watch; "
        "repeat it or separate by commas; without it, what is served stays as it was started",
    ),
    Option(
        name="batch-ms",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_whole(0, 60_000),
        metavar="MS",
        targets=("service.batch_ms",),
        help="gather changes for this long into one batch: longer means fewer batches in a storm, with less in all as "
        "a file that changes again is told once, and up to that much more delay; the first change after a quiet time "
        "never waits",
    ),
    Option(
        name="vcs-settle-ms",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_whole(0, 3_600_000),
        metavar="MS",
        targets=("service.vcs_settle_ms",),
        help="while git works on a root (a checkout, a rebase), hold its changes back, for so long at most, and tell "
        "them as one, with the old and the new HEAD; 0 tells them as they come",
    ),
    Option(
        name="batch-max",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_whole(1, 10_000_000),
        metavar="N",
        targets=("service.batch_max",),
        help="cut a batch of more changes than this into several, each with a clock and a digest of its own: smaller "
        "ones reach clients sooner in a storm, and cost more to make; a change alone never waits for others",
    ),
    Option(
        name="batch-max-bytes",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_bytes(4096, 1 << 30),
        metavar="BYTES",
        targets=("service.batch_max_bytes",),
        help="and one that takes more bytes than this",
    ),
    Option(
        name="retention-bytes",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_bytes(0, _TB),
        metavar="BYTES",
        targets=("service.retention_bytes",),
        help="keep this much of the past, so that a client that comes back is sent only what it missed",
    ),
    Option(
        name="retention-s",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.0, 366 * 86_400.0),
        metavar="SECONDS",
        targets=("service.retention_s",),
        help="and keep it no longer than this",
    ),
    Option(
        name="state",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="DIR",
        help="keep the history there, so that clients can resume after a restart; by default in a directory for each "
        "set of PATHs, in $XDG_STATE_HOME/smarttree; one server at a time can use it",
    ),
    Option(
        name="no-state",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        help="keep the history in memory only: after a restart clients fetch the tree anew",
    ),
    Option(
        name="fsync-s",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.0, 3600.0),
        metavar="SECONDS",
        targets=("state.fsync_s",),
        help="have the history written to disk this often; a power cut loses what is newer, and clients then fetch the "
        "tree anew; 0 leaves it to the system, and no crash of the server alone loses anything",
    ),
    Option(
        name="heartbeat-s",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.1, 3600.0),
        metavar="SECONDS",
        targets=("http.heartbeat_s",),
        help="send a sign of life down a quiet stream this often",
    ),
    Option(
        name="stats-interval",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.1, 86_400.0),
        metavar="SECONDS",
        targets=("http.stats_interval_s",),
        help="send the stats event this often",
    ),
    Option(
        name="scan-threads",
        read=values.read_whole(1, 8),
        metavar="N",
        targets=("service.scan_threads", "show.scan_threads", "doctor.scan_threads"),
        help="threads that read directories during the scan",
    ),
    Option(
        name="watcher",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_word(watch.AUTO, *watch.NAMES),
        metavar="NAME",
        targets=("service.watcher",),
        help="what tells of changes: fanotify (Linux, with the capability CAP_SYS_ADMIN), inotify (Linux), watchdog or "
        "polling; auto takes the first that works, polls what is on a network file system, and the log says which",
    ),
    Option(
        name="poll-s",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.01, 86_400.0),
        metavar="SECONDS",
        targets=("service.poll_s",),
        help="where nothing tells of changes, read everything this often and compare; less often where that would take "
        "more than a tenth of one core",
    ),
    Option(
        name="hardlink-poll-s",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_seconds(0.0, 86_400.0),
        metavar="SECONDS",
        targets=("service.hardlink_poll_s",),
        help="look this often at files that have hard links outside of PATH, as nothing tells of what is written "
        "through those; 0 sees it with the next change of the name below PATH only",
    ),
    Option(
        name="content-hash",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        targets=("service.content_hash",),
        help="read and hash the contents of files, so that a change tells whether it left its file's content as it was "
        "(a touch, a checkout back and forth), and /events?only=content leaves those out; reads every file once, in "
        "the background, and takes 28 bytes of memory for each",
    ),
    Option(
        name="content-max-bytes",
        group=Group.CHANGES,
        scope=Scope.SERVE,
        read=values.read_bytes(0, _TB),
        metavar="BYTES",
        targets=("service.content_max_bytes",),
        help="with --content-hash, leave the contents of files larger than this alone",
    ),
    Option(
        name="config",
        read=values.read_text,
        metavar="FILE",
        in_file=False,
        help="read settings from this TOML file",
    ),
    Option(
        name="log-format",
        read=values.read_word(*logs.FORMATS),
        metavar="FORMAT",
        targets=("log.format",),
        help="how the log is written: text, or json, one object a line",
    ),
    Option(name="quiet", short="-q", help="log warnings and errors only"),
    Option(name="verbose", short="-v", help="log more"),
)


def _later(name: str, why: str, *, switch: bool = False, many: bool = False) -> Option:
    read = None if switch else values.read_text
    metavar = None if switch else "VALUE"
    return Option(name=name, help="not available yet", read=read, metavar=metavar, many=many, later=why)


_LATER: Final = (_later("from", "a server reads its own disk only"),)

OPTIONS: Final[tuple[Option, ...]] = _NOW + SECURITY + LIMITS + _LATER

BY_KEY: Final = {option.key: option for option in OPTIONS}
