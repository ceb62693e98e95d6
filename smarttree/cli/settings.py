"""argv over environment over file over default: the one place where settings are read.

Every error names where the bad word stood, as the person wrote it: a flag, a variable, or a key in a file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from smarttree import modes
from smarttree.cli.options import BY_KEY, OPTIONS, Option, Scope
from smarttree.cli.parser import nearest, read_argv
from smarttree.cli.paths import open_root, open_roots, state_of, states_of_all
from smarttree.cli.values import is_loopback, read_switch
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
from smarttree.errors import BadParameter, ConfigError, HostRefused, NotAvailableYet
from smarttree.printable import printable

_PREFIX: Final = "SMARTTREE_"
_PLACES: Final = {
    Scope.SERVE: "together with --serve",
    Scope.SHOW: "where a tree is printed, without --serve",
    Scope.DECODE: "in `st decode`",
    Scope.DOCTOR: "in `st doctor` and `st state`",
    Scope.STATES: "in `st state`",
}

_USES: Final[dict[str, Set[Scope]]] = {
    "decode": {Scope.SHOW, Scope.DECODE},
    "doctor": {Scope.DOCTOR},
    "state": {Scope.DOCTOR, Scope.STATES},
}
"""A directory of such a name is ./name."""
TOKEN_IN_ARGV: Final = (
    "every user of this machine can read the token on the command line: give it as SMARTTREE_AUTH_TOKEN, or in a file"
)

# Values by key, read. The values' types are those of the fields they go into; the table pairs the two.
Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to do: exactly one of `serve`, `show`, `decode`, `doctor` and `states` is set, or none for the version.

    `warnings` are to be logged once logging stands.
    """

    serve: tuple[ServiceConfig, HttpConfig] | None = None
    show: ShowConfig | None = None
    decode: DecodeConfig | None = None
    doctor: DoctorConfig | None = None
    states: StatesConfig | None = None
    log: LogConfig = field(default_factory=LogConfig)
    warnings: tuple[str, ...] = ()


def read_settings(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Raises a SmarttreeError whose text says what to change."""
    given = read_argv(argv)
    if "version" in given.texts:
        return Settings()
    from_argv = _read_texts(given.texts)
    from_environment, warnings = read_environment(environ)
    file = from_argv.get("config", from_environment.get("config"))
    sources = [read_file(file) if file is not None else {}, from_environment, from_argv]
    values: Values = {}
    for source in sources:
        values |= source
    if "mode" in values:
        modes.check(values["mode"])
    serves = bool(values.get("serve"))
    command = "" if serves or not given.paths else given.paths[0]
    _refuse_out_of_scope(from_argv, {Scope.SERVE} if serves else _USES.get(command, {Scope.SHOW}))
    log = LogConfig(verbosity=_verbosity(sources), **_fields(values, "log"))
    common: Any = {"log": log, "warnings": warnings}
    if serves:
        if "auth_token" in from_argv:
            common["warnings"] = (*warnings, TOKEN_IN_ARGV)
        secret = file if sources[0].keys() & {"auth_token"} else None
        return Settings(serve=_serve(values, given.paths, _wants_state(sources), environ, secret), **common)
    if command == "decode":
        return Settings(decode=_decode(values, given.paths[1:]), **common)
    if command == "doctor":
        return Settings(doctor=_doctor(values, given.paths[1:]), **common)
    if command == "state":
        return Settings(states=_states(values, given.paths[1:], environ), **common)
    return Settings(show=_show(values, given.paths), **common)


def read_environment(environ: Mapping[str, str]) -> tuple[Values, tuple[str, ...]]:
    """Values from `SMARTTREE_…`, and warnings about variables that look like a misspelt one.

    Others that start so are none of our business: a container platform makes such names from a service's name.
    """
    values: Values = {}
    by_variable = {option.variable: option for option in OPTIONS if option.in_environment}
    warnings = []
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or not text.strip():
            continue
        option = by_variable.get(variable)
        if option is not None:
            value = _read(option, variable, text)
            if not _is_later(option, variable, value):
                values[option.key] = value
        elif hint := nearest(variable, by_variable, prefix=_PREFIX):
            warnings.append(f"the variable {printable(variable)} is not one of ours{hint}")
    return values, tuple(warnings)


def read_file(path: str) -> Values:
    """Values from a TOML file of `key = value` lines. Raises ConfigError (an unknown key is one)."""
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {shown}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown} is not a TOML file: {error}") from error
    values: Values = {}
    by_key = {option.key: option for option in OPTIONS if option.in_file}
    for key, item in table.items():
        option = by_key.get(key)
        if option is None:
            hint = nearest(key, by_key) or f": the keys are {', '.join(k for k, o in by_key.items() if not o.later)}"
            raise ConfigError(f"{shown}: there is no key {printable(key)}{hint}")
        try:
            value = _read_item(option, key, item)
        except BadParameter as error:
            raise ConfigError(f"{shown}: {error}") from error
        if not _is_later(option, f"{key} (in {shown})", value):
            values[key] = value
    return values


def _read_texts(texts: Mapping[str, list[str] | None]) -> Values:
    values: Values = {}
    for key, given in texts.items():
        option = BY_KEY[key]
        if _is_later(option, option.flag, True):
            continue
        if given is None:
            values[key] = True
        elif given:
            values[key] = _read(option, option.flag, option.separator.join(given) if option.many else given[-1])
    return values


def _read(option: Option, where: str, text: str) -> object:
    if option.later:
        return read_switch(text) if option.is_switch else text
    try:
        if option.read is None:
            return read_switch(text)
        if option.many:
            read = option.read
            return tuple(dict.fromkeys(read(part) for part in text.split(option.separator) if part.strip()))
        return option.read(text)
    except ValueError as error:
        raise BadParameter(f"{where}: {error}") from error


def _read_item(option: Option, key: str, item: object) -> object:
    """A TOML value. Only the type that belongs there: `port = true` must not become 1."""
    if option.is_switch:
        if isinstance(item, bool):
            return item
        raise BadParameter(f"{key} is true or false, without quotes")
    if option.many and isinstance(item, list) and all(isinstance(part, str) for part in item):
        return _read(option, key, option.separator.join(item))
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        raise BadParameter(f"{key} is one value{' or a list of texts' if option.many else ''}, not {item!r}")
    return _read(option, key, str(item))


def _is_later(option: Option, where: str, value: object) -> bool:
    """Refuses what is not built. True only for a switch that is turned off, which asks for nothing."""
    if option.later is None:
        return False
    if value is False:
        return True
    raise NotAvailableYet(f"{where} is not available yet: {option.later}. Leave it out")


def _refuse_out_of_scope(from_argv: Values, uses: Set[Scope]) -> None:
    # Only argv: a file or an environment may well be shared by servers and listings.
    for key in from_argv:
        option = BY_KEY[key]
        if option.scope is not Scope.ALL and option.scope not in uses:
            raise BadParameter(f"{option.flag} only means something {_PLACES[option.scope]}")


def _verbosity(sources: Sequence[Values]) -> int:
    """The highest source that says anything about it decides."""
    for source in reversed(sources):
        quiet, verbose = bool(source.get("quiet")), bool(source.get("verbose"))
        if quiet and verbose:
            raise BadParameter("--quiet and --verbose contradict each other: leave one out")
        if "quiet" in source or "verbose" in source:
            return int(verbose) - int(quiet)
    return 0


def _fields(values: Values, concern: str) -> dict[str, Any]:
    chosen = {}
    for option in OPTIONS:
        for target in option.targets:
            owner, _, field = target.partition(".")
            if owner == concern and option.key in values:
                chosen[field] = values[option.key]
    return chosen


def _wants_state(sources: Sequence[Values]) -> bool:
    """The highest source that says anything about it decides."""
    for source in reversed(sources):
        if source.get("no_state") and "state" in source:
            raise BadParameter("--state and --no-state contradict each other: leave one out")
        if "state" in source or "no_state" in source:
            return not source.get("no_state")
    return True


def _state(values: Values, roots: tuple[bytes, ...], environ: Mapping[str, str], home: str) -> StateConfig:
    sync = _fields(values, "state")
    if "state" in values:
        if not values["state"]:
            raise BadParameter("--state needs a directory; --no-state keeps nothing")
        return StateConfig(directory=os.fsencode(os.path.abspath(values["state"])), **sync)
    family = states_of_all(environ, home)
    return StateConfig(directory=state_of(roots, family), family=family, **sync)


def _serve(
    values: Values, paths: Sequence[str], wants_state: bool, environ: Mapping[str, str], secret: str | None
) -> tuple[ServiceConfig, HttpConfig]:
    """`secret`: a file of settings that has a token in it."""
    if not paths:
        raise BadParameter("--serve needs a directory: `st --serve .` serves this one")
    http = HttpConfig(**_fields(values, "http"))
    _refuse_host(http)
    if http.token_in_query and not (http.auth_token or http.auth_token_file or http.domain):
        raise BadParameter("--token-in-query says where a token may stand: add --auth-token or --auth-token-file")
    _refuse_tls(http, wants_state=wants_state)
    fields = _fields(values, "service")
    fields["watch_bases"] = tuple(open_root(base) for base in fields.get("watch_bases", ()))
    roots = open_roots(paths)
    _refuse_told_secrets([http.auth_token_file, http.allow_file, http.key, secret], [*roots, *fields["watch_bases"]])
    home = http.user.home if http.user is not None else ""
    state = _state(values, roots, environ, home) if wants_state else None
    return ServiceConfig(roots=roots, state=state, **fields), http


def _refuse_host(http: HttpConfig) -> None:
    """Nobody opens a tree to a network without a word on who may read it."""
    guarded = http.auth_token or http.auth_token_file or http.is_listed or http.domain or http.insecure
    if http.host is not None and not is_loopback(http.host) and not guarded:
        raise HostRefused(
            f"--host {http.host} would let everyone who can reach this machine read the names, sizes, times and "
            "contents of all files below the served directories. Add --auth-token TOKEN for those who have it, "
            "--allow NETWORK for who is there, or --insecure for everyone. To serve this machine only, leave --host out"
        )


def _refuse_tls(http: HttpConfig, *, wants_state: bool) -> None:
    """What is said of certificates must make sense together."""
    if (http.cert is None) != (http.key is None):
        raise BadParameter("--cert and --key go together: the certificate, and its key")
    if not http.https and (http.cert is not None or http.domain is not None):
        raise BadParameter("--cert and --domain say which certificate to use with --https: add that")
    if http.domain is not None and http.cert is not None:
        raise BadParameter("--domain gets a certificate, --cert has one: leave one out")
    if http.domain is not None and not wants_state:
        raise BadParameter(
            "--domain must keep its certificate somewhere, as authorities give out few: leave --no-state out"
        )


def _refuse_told_secrets(files: Sequence[str | None], told: Sequence[bytes]) -> None:
    """Whoever may read the tree must not read there who else may."""
    for file in filter(None, files):
        for path in (os.path.abspath(file), os.path.realpath(file)):
            for top in told:
                if os.path.commonpath([os.fsencode(path), top]) == top:
                    raise ConfigError(
                        f"{printable(path)} says who may read, and lies below {printable(top)}, which is served: it "
                        "could be read there, or written; keep it elsewhere"
                    )


def _decode(values: Values, paths: Sequence[str]) -> DecodeConfig:
    if len(paths) != 1:
        raise BadParameter("`st decode` takes one FILE, or - for standard input; a directory of that name is ./decode")
    config = DecodeConfig(path=paths[0], **_fields(values, "decode"))
    _refuse_depth(config.mode, config.depth)
    return config


def _doctor(values: Values, paths: Sequence[str]) -> DoctorConfig:
    if "mode" in values:
        raise BadParameter("--mode does not go with `st doctor`: it has --json")
    return DoctorConfig(roots=open_roots(paths or ["."]), **_fields(values, "doctor"))


def _states(values: Values, paths: Sequence[str], environ: Mapping[str, str]) -> StatesConfig:
    if "mode" in values:
        raise BadParameter("--mode does not go with `st state`: it has --json")
    config = StatesConfig(paths=tuple(paths), family=states_of_all(environ), **_fields(values, "states"))
    if config.remove and len(paths) != 1:
        raise BadParameter("--remove takes one PATH, as `st state` shows it")
    return config


def _refuse_depth(mode: str, depth: int | None) -> None:
    if depth is not None and not modes.find(mode).CUTS:
        raise BadParameter(f"--depth does not go with --mode {mode}, which always tells the whole tree")


def _show(values: Values, paths: Sequence[str]) -> ShowConfig:
    if len(paths) > 1:
        raise BadParameter("one PATH at a time is printed; only --serve takes several")
    show = ShowConfig(path=open_root(paths[0] if paths else "."), **_fields(values, "show"))
    _refuse_depth(show.mode, show.depth)
    return show
