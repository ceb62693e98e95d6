"""How much anyone may have, without sockets: buckets, places, who is counted as one, and the allowlist's file."""

from __future__ import annotations

import tracemalloc
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.config import HttpConfig
from smarttree.errors import ConfigError
from smarttree.http.addresses import is_here, read_address, source_of
from smarttree.http.allowed import NETWORKS_MAX, Allowlist, parse
from smarttree.http.buckets import KEPT_MAX, Buckets
from smarttree.http.guests import Guest
from smarttree.http.limits import BURST_S, REQUESTS_BESIDE, Limits
from smarttree.http.places import Places
from smarttree.http.tokens import Holder, hash_of

TICK = 0.125  # a number that sums of binary floats have exactly
LAST = IPv6Address("2001:db8:0:1:ffff:ffff:ffff:ffff")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=200), st.integers(1, 5), st.integers(1, 8))
def test_no_more_than_a_burst_and_one_an_interval(asked: list[tuple[int, int]], burst: int, interval: int) -> None:
    """In whatever span, of each by itself; and who is refused is told when they may: then, and no sooner."""
    buckets, now = Buckets(burst, interval * TICK), 1000.0
    done: dict[int, list[float]] = {}
    for who, pause in asked:
        now += pause * TICK
        wait_s = buckets.wait_s(who, now)
        assert 0 <= wait_s <= interval * TICK
        assert buckets.wait_s(who, now + wait_s) == 0
        assert not wait_s or buckets.wait_s(who, now + wait_s - TICK / 2) > 0
        if not wait_s:
            buckets.add(who, now)
            done.setdefault(who, []).append(now)
    for times in done.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                assert last - first + 1 <= burst + (times[last] - times[first]) / (interval * TICK)


@given(st.integers(1, 5), st.lists(st.integers(8, 40), max_size=100))
def test_who_keeps_to_the_interval_never_waits(burst: int, pauses: list[int]) -> None:
    buckets, now = Buckets(burst, 8 * TICK), 0.0
    for pause in pauses:
        now += pause * TICK
        assert buckets.wait_s("a", now) == 0
        buckets.add("a", now)
        for other in range(3):  # whatever others do
            buckets.add(other, now)


def test_what_is_kept_is_bounded_and_the_newest() -> None:
    buckets = Buckets(1, 100.0)
    for number in range(3 * KEPT_MAX):
        buckets.add(number, 1.0)
    assert buckets.wait_s(3 * KEPT_MAX - 1, 1.0) > 0
    assert buckets.wait_s(2 * KEPT_MAX, 1.0) > 0
    assert buckets.wait_s(2 * KEPT_MAX - 1, 1.0) == 0
    tracemalloc.start()
    for number in range(3 * KEPT_MAX, 6 * KEPT_MAX):
        buckets.add(number, 2.0)
    assert tracemalloc.get_traced_memory()[0] < 400 * KEPT_MAX
    tracemalloc.stop()


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.booleans()), max_size=100))
def test_places_are_counted_exactly(steps: list[tuple[str | None, bool]]) -> None:
    """Against a list of those who have one."""
    places, held = Places(6), list[str | None]()
    for who, takes in steps:
        if takes:
            is_room = len(held) < 6 and (who is None or held.count(who) < 3)
            assert places.take(who, 3) == is_room
            held += [who] * is_room
        elif who in held:
            places.give_back(who)
            held.remove(who)
        assert (places.count, places.full) == (len(held), len(held) == 6)
        assert all(places.of(name) == held.count(name) for name in ("a", "b"))


@given(st.integers(0, 2**32 - 1))
def test_an_address_of_ipv4_is_one_however_it_is_told(number: int) -> None:
    address = IPv4Address(number)
    assert source_of(read_address(f"::ffff:{address}")) == source_of(read_address(str(address))) == address


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_a_holder_of_a_64_is_one(number: int, host: int) -> None:
    """They choose the rest, a new one for each connection."""
    one, other = IPv6Address(number), IPv6Address(number >> 64 << 64 | host)
    assert source_of(one) == source_of(other)
    assert source_of(IPv6Address(number ^ 1 << 64)) != source_of(one)
    assert isinstance(source_of(one), IPv6Address)


def test_who_is_unknown_is_one_and_not_here() -> None:
    assert source_of(read_address("unknown")) == source_of(None)
    assert not is_here(None)
    assert is_here(read_address("::ffff:127.0.0.9"))


def test_an_address_takes_no_more_than_its_share() -> None:
    limits = Limits(
        HttpConfig(max_connections=3, max_address_connections=2, max_address_streams=2, max_token_streams=1)
    )
    one, other, here = ip_address("203.0.113.1"), ip_address("203.0.113.2"), ip_address("127.0.0.1")
    places = [limits.connect(one) for _ in range(3)]
    assert places == [True, True, False]
    assert limits.connect(other)
    while limits.connect(here):
        assert limits.connections.count <= 3 + REQUESTS_BESIDE
    assert limits.connections.full
    assert [limits.follow(None, one) for _ in range(3)] == [True, True, False]
    holder = Holder("ci", frozenset({"read"}), hash_of(b"x"))
    assert limits.follow(holder, one)
    assert not limits.follow(holder, other)
    assert not limits.follow(None, here)  # in all
    assert limits.reached.keys() == {"address-connections", "connections", "address-streams", "streams"}
    assert limits.reached["streams"] == 2


def test_a_proxy_is_not_counted_but_whom_it_speaks_for() -> None:
    limits = Limits(HttpConfig(max_address_connections=1, trusted_proxies=(ip_network("10.0.0.0/8"),)))
    assert all(limits.connect(ip_address("10.0.0.1")) for _ in range(10))
    assert [limits.connect(read_address("2001:db8:0:1::1")), limits.connect(LAST)] == [True, False]


def test_requests_are_counted_by_source_but_for_this_machine() -> None:
    limits = Limits(HttpConfig(max_request_rate=1))
    one = read_address("2001:db8:0:1::1")
    assert [limits.ask(one, 0.0) for _ in range(BURST_S)] == [0.0] * BURST_S
    assert limits.ask(LAST, 0.0) == pytest.approx(1.0)
    assert limits.ask(LAST, 1.0) == 0
    assert limits.ask(read_address("2001:db8:0:2::1"), 0.0) == 0
    assert not any(limits.ask(ip_address("127.0.0.1"), 0.0) for _ in range(100))


def test_a_guest_holds_its_places_until_its_last_user_has_left() -> None:
    limits, one = Limits(HttpConfig()), ip_address("203.0.113.1")
    assert limits.follow(None, one)
    guest = Guest(limits, None, None, one)
    guest.enter()
    guest.leave()
    assert limits.streams.of(one) == 1
    guest.leave()
    assert limits.streams.count == limits.streams.of(one) == 0


def test_a_flood_is_said_and_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(HttpConfig(max_address_connections=1))
    for _ in range(1000):
        limits.connect(ip_address("203.0.113.1"))
    assert len(caplog.records) == 1
    assert limits.reached["address-connections"] == 999


# ---------------------------------------------------------------- the allowlist's file


def test_networks_by_line() -> None:
    text = "# ours\n10.0.0.0/8\n\n  fd00::/8  # all of them\n::ffff:192.0.2.7\n"
    assert parse(text) == [ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("192.0.2.7")]
    with pytest.raises(ValueError, match=r"line 2.*no network"):
        parse("10.0.0.0/8\n10.0.0.1/8\n")
    with pytest.raises(ValueError, match="more than 1000"):
        parse("10.0.0.0/8\n" * (NETWORKS_MAX + 1))


def test_a_broken_file_keeps_the_list_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "allowed"
    for text in ("", "# nobody\n", "ten\n"):
        file.write_text(text)
        with pytest.raises(ConfigError):
            Allowlist((), str(file))
    with pytest.raises(ConfigError, match="cannot read"):
        Allowlist((), str(tmp_path / "nowhere"))
    file.write_text("10.0.0.0/8\n")
    given = ip_network("192.168.0.0/16")
    allowlist = Allowlist((given,), str(file))
    assert allowlist.file is not None
    kept = (given, ip_network("10.0.0.0/8"))
    assert allowlist.networks == kept
    for text in ("10.0.0.0/8\nmistake\n", "", "\xff" * 3):
        file.write_text(text)
        assert [allowlist.file.look() for _ in range(3)] == [False, False, False]
        assert allowlist.networks == kept
    file.unlink()
    assert [allowlist.file.look() for _ in range(3)] == [False, False, False]
    assert allowlist.networks == kept
    assert len([each for each in caplog.records if "nothing is changed" in each.getMessage()]) == 4
    file.write_text("10.1.0.0/16\n")
    assert allowlist.file.look()
    assert allowlist.networks == (given, ip_network("10.1.0.0/16"))
