"""The reactor over real sockets, turned by hand: whatever happens to them, each client gets exactly the segments from
its start on, whole and in order.

Socket buffers are as small as the kernel makes them, so partial sends and full buffers are the rule here. The same
tests run on the sanitizers' build.
"""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("the reactor speaks to Linux", allow_module_level=True)

from smarttree._reactor import Reactor
from tests.stand import GOODBYE, Stand, descriptors, pair, read, resident_bytes

LAW_EXAMPLES = 300


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    stand.reactor.stop()
    stand.turn(2)
    stand.reactor.close()


STEPS = st.one_of(
    st.tuples(st.just("append"), st.sampled_from([1, 7, 200, 5_000, 70_000])),
    st.tuples(st.just("join"), st.integers(0, 1 << 16)),
    st.tuples(st.just("read"), st.integers(0, 7), st.sampled_from([1, 100, 4096, 100_000])),
    st.tuples(st.just("trim"), st.integers(0, 1 << 16)),
    st.tuples(st.just("cut"), st.integers(0, 7)),
    st.tuples(st.just("turn")),
)


@example([("append", 1), ("append", 1), ("trim", 1), ("join", 0), ("turn",), ("append", 1), ("trim", 2), ("append", 1)])
@settings(max_examples=LAW_EXAMPLES, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_each_client_gets_what_follows_its_start_whatever_is_interleaved(steps: list[tuple[object, ...]]) -> None:
    before = descriptors()
    stand = Stand()
    readers: list[tuple[socket.socket, int, bytearray]] = []
    for step in steps:
        match step:
            case ("append", int(size)):
                number = len(stand.segments)
                stand.append(bytes((number + at) % 251 for at in range(min(size, 300))) * (1 + size // 300))
            case ("join", int(at)) if len(readers) < 8:
                fd, theirs = pair()
                index = at % (len(stand.segments) + 1)
                stand.join(fd, index)
                readers.append((theirs, index, bytearray()))
            case ("read", int(which), int(limit)) if which < len(readers) and readers[which][0].fileno() >= 0:
                readers[which][2].extend(read(readers[which][0], limit))
            case ("trim", int(at)) if stand.segments:
                stand.start = max(stand.start, at % len(stand.segments))
            case ("cut", int(which)) if which < len(readers):
                readers[which][0].close()
            case ("turn",):
                stand.turn()
    for theirs, index, got in readers:
        wanted = b"".join(stand.segments[index:])
        if theirs.fileno() >= 0:
            got += stand.drain(theirs, len(wanted) - len(got))
            assert got == wanted
            theirs.close()
        else:
            assert wanted.startswith(got)
    stand.turn(2)
    assert len(stand.closed) == len(readers)
    assert stand.reactor.clients == 0
    stand.reactor.close()
    del stand
    assert descriptors() == before


def test_a_reset_in_the_middle_of_a_frame_harms_nobody_else(stand: Stand) -> None:
    (one, cut), (other, kept) = pair(tcp=True), pair(tcp=True)
    stand.append(b"x" * 20_000_000)
    first, _ = stand.join(one, 0), stand.join(other, 0)
    stand.turn(3)
    assert cut.recv(1)
    cut.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cut.close()
    assert stand.drain(kept, 20_000_000) == b"x" * 20_000_000
    assert stand.closed == {first: "left"}
    kept.close()


def test_garbage_after_the_request_is_dropped_and_too_much_of_it_ends_the_client(stand: Stand) -> None:
    fd, theirs = pair(tcp=True)
    client = stand.join(fd, 0)
    stand.turn()
    theirs.send(b"\x00\xffGET / HTTP/9.9\r\n" * 10)
    stand.append(b"data\n\n")
    assert stand.drain(theirs, 6) == b"data\n\n"
    assert stand.reactor.clients == 1
    for _ in range(10_000):
        with suppress(BlockingIOError, ConnectionResetError, BrokenPipeError):
            theirs.send(b"x" * 1000)
        stand.turn()
        if stand.closed:
            break
    assert stand.closed == {client: "talked"}
    theirs.close()


def test_half_a_connection_is_none(stand: Stand) -> None:
    fd, theirs = pair(tcp=True)
    client = stand.join(fd, 0)
    stand.turn()
    theirs.shutdown(socket.SHUT_WR)
    stand.turn(2)
    assert stand.closed == {client: "left"}
    theirs.close()


def test_a_duplicate_of_the_descriptor_brings_no_closed_client_back(stand: Stand) -> None:
    """Until aiohttp's own descriptor is closed, the kernel would still tell of the connection."""
    fd, theirs = pair(tcp=True)
    duplicate = os.dup(fd)
    stand.join(fd, 0)
    stand.turn()
    theirs.shutdown(socket.SHUT_WR)
    stand.turn(3)
    assert stand.reactor.clients == 0
    theirs.close()
    stand.turn(3)
    os.close(duplicate)


def test_at_the_end_a_frame_is_ended_before_the_last_words(stand: Stand) -> None:
    (one, slow), (other, quick) = pair(), pair()
    stand.append(b"a" * 100_000)
    stand.append(b"b" * 100)
    stand.join(one, 0)
    stand.join(other, 1)
    stand.turn(2)
    assert read(slow, 1) == b"a"
    stand.reactor.dismiss_all()
    assert stand.drain(quick, 100 + len(GOODBYE)) == b"b" * 100 + GOODBYE
    assert stand.drain(slow, 99_999 + len(GOODBYE)) in (
        b"a" * 99_999 + GOODBYE,
        b"a" * 99_999 + b"b" * 100 + GOODBYE,
    )
    stand.turn()
    assert set(stand.closed.values()) == {"dismissed"}
    assert slow.recv(1) == quick.recv(1) == b""
    slow.close()
    quick.close()


def test_what_is_stuck_can_be_stopped_and_leaves_nothing(stand: Stand) -> None:
    before = descriptors()
    clients = []
    for _ in range(20):
        fd, theirs = pair()
        clients.append(theirs)
        stand.join(fd, 0)
    stand.append(b"x" * 1_000_000)
    stand.turn(5)
    stand.reactor.dismiss_all()
    stand.turn(5)
    assert stand.reactor.clients == 20
    stand.reactor.stop()
    stand.turn(2)
    assert (stand.reactor.clients, set(stand.closed.values())) == (0, {"stopped"})
    for theirs in clients:
        theirs.close()
    assert descriptors() == before


def test_one_quantum_each_so_that_nobody_starves(stand: Stand) -> None:
    """A client with megabytes to take does not hold up one with a line."""
    (one, _far), (other, near) = socket.socketpair(), pair()
    one.setblocking(False)
    stand.append(b"x" * 10_000_000)
    stand.join(one.detach(), 0)
    stand.join(other, 1)
    stand.append(b"line\n\n")
    stand.turn()
    assert read(near) == b"line\n\n"
    _far.close()
    near.close()


def test_the_figures_name_the_worst(stand: Stand) -> None:
    (one, stuck), (other, near) = pair(tcp=True), pair(tcp=True)
    stand.append(b"x" * 20_000_000)
    stand.append(b"line\n\n")
    stand.join(one, 0)
    stand.join(other, 1)
    stand.turn(5)
    stand.reactor.survey()
    stand.reactor.turn()
    (surveyed,) = (report for report in stand.reactor.reports() if report[0] == "surveyed")
    figures = surveyed[2]
    assert isinstance(figures, dict)
    assert (figures["clients"], figures["lagging"]) == (2, 1)
    assert 0 < figures["lag_bytes"] <= 20_000_006
    (address, seq, nbytes, _ns) = figures["worst"][0]
    assert (seq, nbytes) == (0, figures["lag_bytes"])
    assert struct.unpack("!H", address[2:4])[0] == stuck.getsockname()[1]
    assert figures["sent_bytes"] >= 6
    stuck.close()
    near.close()


def test_a_thread_serves_them(stand: Stand) -> None:
    thread = threading.Thread(target=stand.reactor.run)
    thread.start()
    fd, theirs = pair(tcp=True)
    theirs.setblocking(True)
    theirs.settimeout(10)
    stand.join(fd, 0)
    for number in range(100):
        stand.append(b"%d\n" % number)
        stand.reactor.wake()
    wanted = b"".join(stand.segments)
    got = b""
    while len(got) < len(wanted):
        got += theirs.recv(65536)
    assert got == wanted
    stand.reactor.stop()
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()


def test_a_hundred_thousand_joins_and_leaves_leave_nothing_behind(stand: Stand) -> None:
    before, settled = descriptors(), 0
    for number in range(100_000):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        client = stand.reactor.join(ours.detach(), stand.lane, number)
        stand.reactor.seat(client, number, number)
        stand.reactor.append(stand.lane, number, number + 1, b"%200d" % number, max(0, number - 50))
        if number % 2:
            theirs.close()
        else:
            stand.reactor.dismiss(client)
        stand.turn(2)
        theirs.close()
        stand.closed.clear()
        if number == 20_000:
            settled = resident_bytes()
    assert stand.reactor.clients == 0
    assert descriptors() == before
    assert resident_bytes() - settled < 4 << 20


def test_bad_orders_are_refused(stand: Stand) -> None:
    with pytest.raises(ValueError):
        stand.reactor.append(stand.lane, 5, 1, b"x", 0)
    with pytest.raises(ValueError):
        stand.reactor.append(stand.lane, 0, 1, b"", 0)
    with pytest.raises(ValueError):
        Reactor([])
    with pytest.raises(ValueError):
        Reactor([b"a", b"b", b"c"], 2)
    with pytest.raises(ValueError):
        stand.reactor.open_lane(0, 1)


def test_each_kind_of_lane_has_its_own_goodbyes_in_turn() -> None:
    reactor = Reactor([b"a1", b"a2", b"b1", b"b2", b"c1", b"c2"], 3)
    kinds = [kind for kind in range(3) for _ in range(3)]
    lanes = [reactor.open_lane(0, kind) for kind in kinds]
    readers = []
    for lane in lanes:
        fd, theirs = pair()
        reactor.seat(reactor.join(fd, lane, 0), 0, 0)
        readers.append(theirs)
    reactor.dismiss_all()
    for _ in range(3):
        reactor.turn()
    said = [read(theirs) for theirs in readers]
    assert [words[:1] for words in said] == [b"abc"[kind : kind + 1] for kind in kinds]
    assert len(set(said)) == 6
    for theirs in readers:
        theirs.close()
    reactor.stop()
    reactor.close()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip("may not have 3,000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_fifty_of_a_thousand_that_are_stalled_for_good_cost_the_others_nothing(
    stand: Stand, many_descriptors: None
) -> None:
    readers = []
    for number in range(1000):
        fd, theirs = pair(small=False)
        stand.join(fd, 0)
        readers.append((theirs, hashlib.sha256(), number % 20 == 0))
    wanted, settled = hashlib.sha256(), 0
    for number in range(1000):
        data = b"%1000d" % number
        wanted.update(data)
        stand.append(data)
        stand.start = max(0, number - 20)
        stand.segments[max(0, number - 50)] = b""
        if number % 5 == 0 or number == 999:
            stand.turn(2)
            for theirs, got, stalled in readers:
                if not stalled:
                    got.update(read(theirs))
        if number == 200:
            settled = resident_bytes()
    stand.turn(2)
    for theirs, got, stalled in readers:
        got.update(read(theirs) if not stalled else b"")
        assert stalled or got.digest() == wanted.digest()
        theirs.close()
    assert resident_bytes() - settled < 4 << 20
    assert not stand.fed
