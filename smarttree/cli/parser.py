"""argv, by the table in `smarttree.cli.options`: what was given, as text; and the help text."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Final, NamedTuple, NoReturn

from smarttree.cli.options import BY_KEY, OPTIONS, Group, Option
from smarttree.config import (
    DecodeConfig,
    DoctorConfig,
    HttpConfig,
    LogConfig,
    ServiceConfig,
    ShowConfig,
    StateConfig,
    StatesConfig,
)
from smarttree.errors import BadParameter

_USAGE: Final = """\
st [options] [PATH]
       st decode [options] FILE
       st doctor [options] [PATH ...]
       st state [options] [PATH ...]
       st --serve [options] PATH [PATH ...]"""

_DESCRIPTION: Final = """\
Prints the tree below PATH (the current directory when left out), or serves it: the tree,
and every change in it as it happens, as server-sent events to any number of clients;
or prints what a QTN1 document or a marqant container says (FILE; - is standard input); or
reports whether this system will do for watching each PATH, and what to change (doctor); or
shows what is kept of earlier runs, and removes it (state).
"""

_EPILOG: Final = """\
Each option can also be a variable (--batch-ms 20 is SMARTTREE_BATCH_MS=20) or a line in the
file of --config (batch_ms = 20). The command line wins over the environment, the
environment over the file. A variable that is empty counts as not set.

exit status:
  0 done; 1 an error while running, or a warning of `st doctor`; 2 something given is wrong,
  and the message says what; 3 a limit of the system; 130 interrupted. Directories that could
  not be read are told on standard error and do not change the status of a listing.

not available yet (using one is an error that says so):
"""

_SECRETS: Final = """
A secret (a token) belongs in a variable or a file: what stands in argv, every user of the
machine can read.
"""

_EXAMPLES: Final = """
examples:
  st .                                  print the tree
  st --depth 2 --mode json /srv         two levels of it, as JSON
  st --mode quantum . > tree.qtn        the whole of it, in a few bytes per file
  st decode tree.qtn                    back again; --mode json for scripts
  st doctor /srv                        whether this system will do for watching it
  st state                              what is kept, for which directories, and how much
  st --serve .                          then: curl -N http://localhost:8973/events
"""


class Given(NamedTuple):
    """What argv says: the text of each option by its key (None for a switch), and the paths."""

    texts: dict[str, list[str] | None]
    paths: tuple[str, ...]


_CONCERNS: Final[dict[str, type]] = {
    "service": ServiceConfig,
    "state": StateConfig,
    "http": HttpConfig,
    "show": ShowConfig,
    "decode": DecodeConfig,
    "doctor": DoctorConfig,
    "states": StatesConfig,
    "log": LogConfig,
}


class _Parser(argparse.ArgumentParser):
    """argparse, except that a mistake is an exception like every other, not an exit from in here."""

    def error(self, message: str) -> NoReturn:
        raise BadParameter(f"{message.removeprefix('argument ')}; `st --help` explains every option")


def read_argv(argv: Sequence[str]) -> Given:
    """Options may stand before, between and after the paths. Raises BadParameter."""
    # What follows `--` is a path whatever it looks like. Cut off here: versions of argparse differ in it.
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    found, rest = _parser().parse_known_intermixed_args(words[:end])
    given = vars(found)
    paths = (*(given.pop("paths", None) or ()), *words[end + 1 :])
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    if unknown:
        raise BadParameter(_unknown_option(unknown[0]))
    return Given({key: value if isinstance(value, list) else None for key, value in given.items()}, paths)


def nearest(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """` (did you mean X?)`, or nothing when no known word is like this one. All start with `prefix`: no likeness."""
    bare = [each.removeprefix(prefix) for each in known]
    near = difflib.get_close_matches(word.removeprefix(prefix), bare, n=1, cutoff=0.6)
    return f" (did you mean {prefix}{near[0]}?)" if near else ""


def _unknown_option(word: str) -> str:
    flag = word.partition("=")[0]
    return (
        f"there is no option {flag}{nearest(flag, (o.flag for o in OPTIONS), prefix='--')}; `st --help` lists them all"
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="st",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a directory")
    groups = {group: parser.add_argument_group(group.value) for group in Group}
    for option in OPTIONS:
        _add(groups[option.group], option)
    return parser


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    names = [option.short, option.flag] if option.short else [option.flag]
    text = argparse.SUPPRESS if option.later else _help(option).replace("%", "%%")
    if option.is_switch:
        group.add_argument(*names, dest=option.key, action="store_const", const=True, help=text)
    else:
        # Values are kept as text and read in one place for argv, environment and file alike. One that is not
        # available yet may come without its value: the answer is the same.
        nargs = "?" if option.later else None
        group.add_argument(*names, dest=option.key, action="append", nargs=nargs, metavar=option.metavar, help=text)


def _help(option: Option) -> str:
    default = default_of(option)
    return option.help if default is None else f"{option.help} (default: {default})"


def default_of(option: Option) -> str | None:
    """The default as text, from the configuration's own fields; None where there is none to show."""
    if not option.targets or option.key == "mode":  # the two uses of `mode` differ in it, as its help says
        return None
    concern, _, name = option.targets[0].partition(".")
    value = next(field.default for field in fields(_CONCERNS[concern]) if field.name == name)
    if value is None or isinstance(value, (bool, tuple)):
        return None
    if name.endswith("_bytes") and isinstance(value, int) and value % (1 << 20) == 0:
        return f"{value >> 20}M"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _epilog() -> str:
    later = [option.flag for option in BY_KEY.values() if option.later]
    lines, line = [], " "
    for flag in later:
        if len(line) + len(flag) > 92:
            lines.append(line)
            line = " "
        line += f" {flag}"
    return _EPILOG + "\n".join([*lines, line]) + "\n" + _SECRETS + _EXAMPLES
