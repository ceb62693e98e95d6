"""Settings: one table, four sources, a clear precedence, and no word ignored."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from smarttree.cli.options import BY_KEY, OPTIONS, Option
from smarttree.cli.settings import Settings, read_environment, read_file, read_settings
from smarttree.cli.values import is_loopback, read_bytes, read_host, read_origin, read_seconds, read_switch, read_whole
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
from smarttree.errors import BadParameter, ConfigError, HostRefused, NotAvailableYet, PathError, UnknownMode

CONCERNS = {
    "service": ServiceConfig,
    "http": HttpConfig,
    "show": ShowConfig,
    "decode": DecodeConfig,
    "doctor": DoctorConfig,
    "states": StatesConfig,
    "state": StateConfig,
    "log": LogConfig,
}
LATER = [option for option in OPTIONS if option.later]

# What no flag sets: the paths are arguments, and the rest is not for a person to choose.
NOT_OPTIONS = {"service.roots", "service.watch", "show.path", "decode.path", "doctor.roots"} | {
    "states.paths",
    "states.family",
    "http.retry_min_ms",
    "http.retry_max_ms",
    "service.content_quiet_s",
    "service.content_settle_s",
    "service.state",  # made of --state and --no-state
    "state.directory",
    "state.family",
    "log.verbosity",  # made of --quiet and --verbose
}


def served(settings: Settings) -> tuple[ServiceConfig, HttpConfig]:
    assert settings.serve is not None
    return settings.serve


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return str(file)


def test_every_field_has_an_option_and_every_option_its_field() -> None:
    fields = {f"{concern}.{f.name}" for concern, kind in CONCERNS.items() for f in dataclasses.fields(kind)}
    targets = {target for option in OPTIONS for target in option.targets}
    assert targets == fields - NOT_OPTIONS


def test_flags_are_unique() -> None:
    assert len(BY_KEY) == len(OPTIONS) == len({option.variable for option in OPTIONS})


def test_defaults_are_those_of_the_configuration(tmp_path: Path) -> None:
    service, http = served(read_settings(["--serve", str(tmp_path)], {}))
    assert http == HttpConfig()
    assert dataclasses.replace(service, state=None) == ServiceConfig(roots=(str(tmp_path.resolve()).encode(),))
    show = read_settings([str(tmp_path)], {}).show
    assert show == ShowConfig(path=service.roots[0])
    assert (http.mode, show.mode) == ("quantum", "classic")


def state_of(argv: list[str], environ: dict[str, str]) -> StateConfig | None:
    return served(read_settings(["--serve", *argv], environ))[0].state


def test_each_set_of_roots_has_a_state_of_its_own(tmp_path: Path) -> None:
    one, other, home = tmp_path / "one", tmp_path / "other", {"XDG_STATE_HOME": "/srv/state"}
    one.mkdir()
    other.mkdir()
    places = [state_of([str(root) for root in roots], home) for roots in ([one], [other], [one, other], [other, one])]
    directories = [place.directory for place in places if place is not None]
    assert len(set(directories)) == 3
    assert directories[2] == directories[3]
    assert all(directory.startswith(b"/srv/state/smarttree/") for directory in directories)
    assert {place.family for place in places if place is not None} == {b"/srv/state/smarttree"}


def test_where_the_state_is_the_highest_source_decides(tmp_path: Path) -> None:
    root, here = str(tmp_path), os.fsencode(os.path.abspath("here"))
    assert state_of([root, "--state", "here", "--fsync-s", "5"], {}) == StateConfig(directory=here, fsync_s=5.0)
    assert state_of([root, "--no-state"], {"SMARTTREE_STATE": "here"}) is None
    assert state_of([root, "--state", "here"], {"SMARTTREE_NO_STATE": "1"}) == StateConfig(directory=here)
    assert state_of([root], {"SMARTTREE_NO_STATE": "1"}) is None
    with pytest.raises(BadParameter, match="contradict"):
        state_of([root, "--state", "here", "--no-state"], {})


def test_argv_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = write(tmp_path, "port = 1\nbatch_ms = 1\nheartbeat_s = 1\n")
    environ = {"SMARTTREE_PORT": "2", "SMARTTREE_BATCH_MS": "2"}
    argv = ["--serve", str(tmp_path), "--config", file, "--port", "3"]
    service, http = served(read_settings(argv, environ))
    assert (http.port, service.batch_ms, http.heartbeat_s, http.stats_interval_s) == (3, 2, 1.0, 10.0)


def test_environment_and_file_can_say_everything(tmp_path: Path) -> None:
    file = write(tmp_path, 'serve = true\ncors = ["https://a.example", "https://b.example"]\nretention_bytes = "2M"\n')
    service, http = served(read_settings([str(tmp_path)], {"SMARTTREE_CONFIG": file, "SMARTTREE_MODE": "json"}))
    assert http.cors == ("https://a.example", "https://b.example")
    assert (http.mode, service.retention_bytes) == ("json", 2 << 20)
    assert read_settings([str(tmp_path)], {"SMARTTREE_SERVE": "1"}).serve is not None
    assert read_settings([str(tmp_path)], {"SMARTTREE_CONFIG": file, "SMARTTREE_SERVE": "0"}).serve is None


def test_a_watcher_is_one_of_those_there_are(tmp_path: Path) -> None:
    assert served(read_settings(["--serve", str(tmp_path), "--watcher", "Inotify"], {}))[0].watcher == "inotify"
    with pytest.raises(BadParameter, match="--watcher: 'magic' is none of auto, fanotify, inotify, watchdog"):
        read_settings(["--serve", str(tmp_path), "--watcher", "magic"], {})


def test_globs_are_repeated_and_hold_commas(tmp_path: Path) -> None:
    file = write(tmp_path, 'exclude = ["a,b", "# c"]\ngitignore = true\n')
    argv = [str(tmp_path), "--config", file, "--include", "x,y", "--include", "\udcff/"]
    show = read_settings(argv, {}).show
    assert show is not None
    assert (show.exclude, show.include, show.gitignore) == ((b"a,b", b"# c"), (b"x,y", b"\xff/"), True)
    service, _ = served(read_settings(["--serve", str(tmp_path)], {"SMARTTREE_EXCLUDE": "*.o\n\n/d,e\r\n"}))
    assert (service.exclude, service.include, service.gitignore) == ((b"*.o", b"/d,e"), (), False)


@pytest.mark.parametrize(("glob", "hint"), [("!a", "use --include"), ("a" * 4096, "at most 4095 bytes")])
def test_a_glob_that_could_never_match_is_refused(glob: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match=hint):
        read_settings([str(tmp_path), "--exclude", glob], {})


def test_a_base_for_roots_is_a_directory_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "link").symlink_to("base")
    argv = ["--serve", str(tmp_path), "--watch-base", str(tmp_path / "link"), "--watch-base", "/"]
    assert served(read_settings(argv, {}))[0].watch_bases == (bytes(tmp_path / "base"), b"/")
    assert served(read_settings(argv[:2], {}))[0].watch_bases == ()
    with pytest.raises(PathError, match="nothing"):
        read_settings([*argv[:2], "--watch-base", str(tmp_path / "nothing")], {})
    with pytest.raises(BadParameter):
        read_settings([str(tmp_path), *argv[2:4]], {})


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert served(read_settings(["--serve", str(tmp_path)], {"SMARTTREE_PORT": ""}))[1].port == HttpConfig().port


def test_a_variable_that_looks_misspelt_is_told_and_a_strange_one_is_not() -> None:
    strange = {"SMARTTREE_PORT_8973_TCP_PROTO": "tcp", "SMARTTREE_SERVICE_HOST": "x", "SMARTTREE_VERSION": "1"}
    values, warnings = read_environment({"SMARTTREE_BATCHMS": "5"} | strange)
    assert values == {}
    assert len(warnings) == 1
    assert "did you mean SMARTTREE_BATCH_MS?" in warnings[0]


def test_cors_is_repeated_or_separated_by_commas(tmp_path: Path) -> None:
    argv = [
        "--serve",
        str(tmp_path),
        "--cors",
        "https://A.example/,http://localhost:3000",
        "--cors",
        "https://a.example",
    ]
    assert served(read_settings(argv, {}))[1].cors == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("portt = 1", "port"),
        ("batch-ms = 1", "batch_ms"),
        ("xyzzy = 1", "the keys are"),
        ("[http]\nport = 1", "http"),
        ("port = true", "port"),
        ("port = [1]", "port"),
        ("port = 70000", "65535"),
        ("port = 1.5", "whole number"),
        ("serve = 1", "serve"),
        ("cors = [1]", "cors"),
        ("port = ", "not a TOML file"),
        ('config = "x"', "config"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match="settings") as caught:
        read_file(file)
    assert named in str(caught.value)


def test_a_file_that_is_no_text_or_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("binary", "missing", "."):
        with pytest.raises(ConfigError):
            read_file(str(tmp_path / name))


@pytest.mark.parametrize("option", LATER, ids=lambda option: str(option.flag))
def test_what_is_not_built_is_refused_from_every_source(option: Option, tmp_path: Path) -> None:
    flag = [option.flag] if option.is_switch else [option.flag, "x"]
    file = write(tmp_path, f"{option.key} = " + ("true" if option.is_switch else '"x"'))
    for argv, environ in (
        ([str(tmp_path), *flag], {}),
        (["--serve", *flag, str(tmp_path)], {}),
        (["--serve", str(tmp_path), option.flag], {}),
        ([str(tmp_path)], {option.variable: "1"}),
        ([str(tmp_path), "--config", file], {}),
    ):
        with pytest.raises(NotAvailableYet, match="is not available yet: ") as caught:
            read_settings(argv, environ)
        spelled = str(caught.value).split()[0]
        assert spelled in (option.flag, option.variable, option.key)
    if option.is_switch:
        assert read_settings([str(tmp_path)], {option.variable: "0"}).show is not None


def test_listening_beyond_this_machine_is_asked_for_twice(tmp_path: Path) -> None:
    base = ["--serve", str(tmp_path), "--host"]
    for host in ("0.0.0.0", "::", "[::]", "192.168.1.5", "example.com"):
        with pytest.raises(HostRefused, match="--insecure"):
            read_settings([*base, host], {})
        lists = (["--allow", "10.0.0.0/8"], ["--allow-file", "f"])
        for guard in (["--insecure"], ["--auth-token", "x"], ["--auth-token-file", "f"], *lists):
            assert served(read_settings([*base, host, *guard], {}))[1].host == host.strip("[]")
    for host in ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"):
        assert served(read_settings([*base, host], {}))[1].host == host.strip("[]")


def test_a_token_file_is_not_among_what_is_served(tmp_path: Path) -> None:
    served_here, elsewhere = tmp_path / "served", tmp_path / "elsewhere"
    (served_here / "below").mkdir(parents=True)
    elsewhere.mkdir()
    (served_here / "below" / "tokens").touch()
    (elsewhere / "tokens").symlink_to(served_here / "below" / "tokens")
    for file in (served_here / "tokens", served_here / "below" / "tokens", elsewhere / "tokens"):
        with pytest.raises(ConfigError, match="keep it elsewhere"):
            read_settings(["--serve", str(served_here), "--auth-token-file", str(file)], {})
        with pytest.raises(ConfigError, match="keep it elsewhere"):  # who writes there would say who may read
            read_settings(["--serve", str(served_here), "--allow-file", str(file)], {})
    (served_here / "st.toml").write_text('auth_token = "a-token"\n')
    with pytest.raises(ConfigError, match="keep it elsewhere"):
        read_settings(["--serve", str(served_here), "--config", str(served_here / "st.toml")], {})
    (served_here / "st.toml").write_text("port = 1\n")
    served(read_settings(["--serve", str(served_here), "--config", str(served_here / "st.toml")], {}))
    for base in ([], ["--watch-base", str(served_here)]):
        served(read_settings(["--serve", str(served_here), "--auth-token-file", str(elsewhere / "x"), *base], {}))
    at_base = ["--serve", str(served_here), "--watch-base", str(tmp_path)]
    with pytest.raises(ConfigError, match="keep it elsewhere"):
        read_settings([*at_base, "--auth-token-file", str(elsewhere / "x")], {})


def test_a_flag_for_the_other_use_is_refused_but_a_shared_file_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="--port only means something together with --serve"):
        read_settings([str(tmp_path), "--port", "1"], {})
    with pytest.raises(BadParameter, match="--depth only means something where a tree is printed, without --serve"):
        read_settings(["--serve", str(tmp_path), "--depth", "1"], {})
    assert read_settings([str(tmp_path)], {"SMARTTREE_PORT": "1"}).show is not None


def test_verbosity_is_decided_by_the_highest_source(tmp_path: Path) -> None:
    path = str(tmp_path)
    assert read_settings([path, "-q"], {}).log.verbosity == -1
    assert read_settings([path, "-v"], {"SMARTTREE_QUIET": "1"}).log.verbosity == 1
    assert read_settings([path], {"SMARTTREE_VERBOSE": "1"}).log.verbosity == 1
    with pytest.raises(BadParameter):
        read_settings([path, "-q", "-v"], {})


def test_modes_are_checked_before_anything_is_read() -> None:
    with pytest.raises(UnknownMode, match="classic, csv, digest, json"):
        read_settings(["--mode", "quantom", "/nowhere"], {})


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("64", 64), ("64K", 1 << 16), ("1 MiB", 1 << 20), ("3g", 3 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert read_bytes(0, 1 << 40)(text) == size


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5M", "1X", "2T", "9" * 40, "\u0663"])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(ValueError):
        read_bytes(0, 1 << 40)(text)


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e3", "-1", "11", "9" * 5000, "\u0663"])
def test_wrong_whole_numbers(text: str) -> None:
    with pytest.raises(ValueError):
        read_whole(0, 10)(text)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-0.1", "11"])
def test_wrong_seconds(text: str) -> None:
    with pytest.raises(ValueError):
        read_seconds(0.0, 10.0)(text)


@pytest.mark.parametrize("text", ["", "null", "a.example", "https://", "https://a/b", "https://a?x", "https://a b"])
def test_wrong_origins(text: str) -> None:
    with pytest.raises(ValueError):
        read_origin(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "127.0.0.1:80", "http://a", "a/b", "\n"])
def test_wrong_hosts(text: str) -> None:
    with pytest.raises(ValueError):
        read_host(text)


def test_switches() -> None:
    assert [read_switch(text) for text in ("1", "TRUE", "yes", "on")] == [True] * 4
    assert [read_switch(text) for text in ("0", "False", "no", "off")] == [False] * 4
    with pytest.raises(ValueError):
        read_switch("maybe")


def test_loopback() -> None:
    assert is_loopback("LOCALHOST")
    assert not is_loopback("localhost.example.com")
    assert not is_loopback("0.0.0.0")
