"""Who may read, without sockets: tokens, tickets, addresses, attempts. Each law, and what tries to get round it."""

from __future__ import annotations

import base64
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.http.addresses import is_admitted, read_address, read_network, speaks_for
from smarttree.http.tickets import FIRST_USE_S, GOOD_S, KEY_BYTES, Tickets
from smarttree.http.tokens import READ, SCOPES, Holder, Tokens, hash_of, one_for_all, parse

KEY = bytes(range(KEY_BYTES))
CI = Holder("ci", frozenset({READ}), hash_of(b"secret of ci"))
OPS = Holder("ops", SCOPES, hash_of(b"secret of ops"))
TOKENS = Tokens([CI, OPS])


def test_a_secret_finds_its_holder_and_nothing_else_does() -> None:
    assert TOKENS.find(b"secret of ci") == CI
    assert TOKENS.find(b"secret of ops") == OPS
    for wrong in (
        b"",
        b"secret of c",
        b"secret of ci ",
        CI.digest,
        CI.digest.hex().encode(),
        "sécret".encode(),
        b"\xff",
    ):
        assert TOKENS.find(wrong) is None
    assert not Tokens()
    assert Tokens().find(b"") is None
    assert Tokens([one_for_all("\udcff")]).find(b"\xff") is not None


def test_a_file_of_tokens() -> None:
    text = f"""
        # who     for what     token
        ci        read         secret-of-ci
        ops       watch,read   sha256:{OPS.digest.hex().upper()}  # by its hash
        alone-is-for-all
    """
    ci, ops, alone = parse(text)
    assert ci == Holder("ci", frozenset({READ}), hash_of(b"secret-of-ci"))
    assert ops == OPS
    assert alone == Holder("line-5", SCOPES, hash_of(b"alone-is-for-all"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ci secret-secret-secret", "neither"),
        ("ci write secret-secret-secret", "the scopes are read, watch"),
        ("ci, read secret-secret-secret", "name"),
        ("a read secret-secret-one\na read secret-secret-two", "line 2"),
        ("\n".join(["secret"] * 1001), "1000"),
    ],
)
def test_a_mistake_in_it_is_said_without_the_secret(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


def test_a_ticket_is_used_soon_and_then_good_for_a_day() -> None:
    tickets = Tickets(KEY, started=0.0)
    ticket = tickets.make(CI, 1000.0)
    assert tickets.find(ticket, TOKENS, 1000.0 + FIRST_USE_S) == CI
    assert tickets.find(ticket, TOKENS, 1000.0 + GOOD_S) == CI
    assert tickets.find(ticket, TOKENS, 1001.0 + GOOD_S) is None
    late = tickets.make(CI, 1000.0)
    assert tickets.find(late, TOKENS, 1001.0 + FIRST_USE_S) is None
    assert tickets.find(late, Tokens([OPS]), 1000.0) is None  # revoked
    assert Tickets(KEY, started=2000.0).find(late, TOKENS, 2001.0) == CI  # a reconnect after a restart
    assert Tickets(bytes(KEY_BYTES), started=0.0).find(ticket, TOKENS, 1000.0) is None


@given(st.data())
def test_no_other_ticket_is_good(data: st.DataObject) -> None:
    tickets = Tickets(KEY, started=0.0)
    made = bytearray(base64.urlsafe_b64decode(tickets.make(CI, 1000.0) + "=="))
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    assert tickets.find(base64.urlsafe_b64encode(made).decode().rstrip("="), TOKENS, 1000.0) is None
    assert tickets.find(data.draw(st.text(max_size=80)), TOKENS, 1000.0) is None


def test_an_address_is_the_same_however_it_is_written() -> None:
    networks = (ip_network("192.168.1.0/24"), ip_network("fd00::/8"))
    for text in ("192.168.1.7", "::ffff:192.168.1.7", "192.168.1.7:80", "[::ffff:192.168.1.7]:80", "fd00::1%eth0"):
        assert is_admitted(read_address(text), networks), text
    for text in ("192.168.2.7", "::192.168.1.7", "fe80::1", "", "unknown", "_hidden", "1.2.3", "192.168.1.7.evil.com"):
        assert not is_admitted(read_address(text), networks), text
    for text in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert is_admitted(read_address(text), networks), text
    assert is_admitted(None, ())
    assert read_network("::ffff:10.0.0.0/104") == ip_network("10.0.0.0/8")
    for wrong in ("10.0.0.1/8", "10.0.0.0/33", "example.com", ""):
        with pytest.raises(ValueError, match="no network"):
            read_network(wrong)


@pytest.mark.parametrize(
    ("forwarded_for", "forwarded", "speaker"),
    [
        ([], [], "10.0.0.1"),
        (["203.0.113.9"], [], "203.0.113.9"),
        (["127.0.0.1, 203.0.113.9"], [], "203.0.113.9"),  # what the client wrote itself is on the left
        (["127.0.0.1", "203.0.113.9, 10.0.0.2"], [], "203.0.113.9"),
        (["203.0.113.9, nonsense"], [], None),
        (["127.0.0.1, "], [], None),
        ([], ['for=127.0.0.1, for="[2001:db8::1]:4711";proto=https'], "2001:db8::1"),
        ([], ["for=unknown"], None),
        (["203.0.113.9"], ["for=127.0.0.1"], "203.0.113.9"),
    ],
)
def test_a_proxy_speaks_for_others_as_far_as_it_is_trusted(
    forwarded_for: list[str], forwarded: list[str], speaker: str | None
) -> None:
    peer, trusted = ip_address("10.0.0.1"), [ip_network("10.0.0.0/24")]
    found = speaks_for(peer, forwarded_for, forwarded, trusted)
    assert found == (ip_address(speaker) if speaker else None)
    assert speaks_for(peer, forwarded_for, forwarded, []) == peer
