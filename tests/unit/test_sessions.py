"""Sessions and origins, without sockets: each law, and what tries to get round it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.http.origin import may_change, may_read, scheme_told
from smarttree.http.sessions import AHEAD_S, ENDED_MAX, GOOD_S, Sessions
from smarttree.http.tickets import KEY_BYTES, Tickets
from smarttree.http.tokens import READ, SCOPES, Holder, Tokens, hash_of

KEY = bytes(range(KEY_BYTES))
CI = Holder("ci", frozenset({READ}), hash_of(b"secret of ci"))
OPS = Holder("ops", SCOPES, hash_of(b"secret of ops"))
TOKENS = Tokens([CI, OPS])
NOW = 1_000_000.0


def test_a_session_is_its_holders_for_half_a_day() -> None:
    sessions = Sessions(KEY)
    session, value = sessions.begin(CI, NOW)
    assert (session.holder, session.until) == (CI, NOW + GOOD_S)
    for when in (NOW, NOW - AHEAD_S, NOW + GOOD_S):
        assert sessions.find(value, TOKENS, when) == session
    for when in (NOW - AHEAD_S - 1, NOW + GOOD_S + 1):
        assert sessions.find(value, TOKENS, when) is None
        assert sessions.is_over(session, TOKENS, when)
        assert sessions.is_ours(value)


def test_it_is_good_as_long_as_its_token_is() -> None:
    sessions = Sessions(KEY)
    session, value = sessions.begin(CI, NOW)
    assert sessions.find(value, Tokens([OPS]), NOW) is None
    assert sessions.is_over(session, Tokens([OPS]), NOW)
    less = CI._replace(scopes=frozenset())
    found = sessions.find(value, Tokens([less]), NOW)
    assert found is not None
    assert found.holder == less
    assert sessions.is_over(session, Tokens([less]), NOW)  # a stream that began with more


def test_it_outlives_the_process_and_belongs_to_one_server() -> None:
    _, value = Sessions(KEY).begin(CI, NOW)
    assert Sessions(KEY).find(value, TOKENS, NOW) is not None
    other = Sessions(bytes(KEY_BYTES))
    assert other.find(value, TOKENS, NOW) is None
    assert not other.is_ours(value)
    names = {each.cookie(secure=secure) for each in (Sessions(KEY), other) for secure in (False, True)}
    assert len(names) == 4
    assert sorted(name.startswith("__Host-") for name in names) == [False, False, True, True]


def test_to_end_one_ends_no_other() -> None:
    sessions = Sessions(KEY)
    (ours, value), (_, other) = sessions.begin(CI, NOW), sessions.begin(CI, NOW)
    sessions.end(ours, NOW)
    assert sessions.find(value, TOKENS, NOW) is None
    assert sessions.find(other, TOKENS, NOW) is not None


def test_what_was_ended_is_kept() -> None:
    sessions, later, damaged = Sessions(KEY), Sessions(KEY), Sessions(KEY)
    (ours, value), (_, other) = sessions.begin(CI, NOW), sessions.begin(CI, NOW)
    later.remember(sessions.ended(), NOW)
    assert later.find(value, TOKENS, NOW) is not None
    sessions.end(ours, NOW)
    later.remember(sessions.ended(), NOW)
    assert later.find(value, TOKENS, NOW) is None
    assert later.find(other, TOKENS, NOW) is not None
    damaged.remember(sessions.ended()[:-1], NOW + 1)
    assert damaged.find(other, TOKENS, NOW + 1) is None


def test_where_too_many_are_ended_to_remember_all_are() -> None:
    sessions = Sessions(KEY)
    (first, value), (_, other) = sessions.begin(CI, NOW), sessions.begin(OPS, NOW)
    sessions.end(first, NOW)
    for _ in range(ENDED_MAX):
        sessions.end(sessions.begin(CI, NOW + 1)[0], NOW + 1)
    assert sessions.find(value, TOKENS, NOW + 1) is None
    assert sessions.find(other, TOKENS, NOW + 1) is None
    assert sessions.find(sessions.begin(CI, NOW + 1)[1], TOKENS, NOW + 1) is not None


@given(st.text(max_size=80) | st.binary(max_size=60).map(bytes.hex))
def test_no_other_text_is_one(text: str) -> None:
    assert Sessions(KEY).find(text, TOKENS, NOW) is None
    assert not Sessions(KEY).is_ours(text)


@given(st.integers(0, 52), st.sampled_from("ABab01-_"))
def test_none_with_another_character_is(at: int, char: str) -> None:
    _, value = Sessions(KEY).begin(CI, NOW)
    changed = value[:at] + char + value[at + 1 :]
    assert Sessions(KEY).is_ours(changed) == (changed == value)


def test_a_ticket_is_no_session_and_a_session_no_ticket() -> None:
    """Tickets stand in addresses, which are written to logs."""
    tickets, sessions = Tickets(KEY, NOW), Sessions(KEY)
    assert not sessions.is_ours(tickets.make(CI, NOW))
    assert tickets.find(sessions.begin(CI, NOW)[1], TOKENS, NOW) is None


OWN = "https://tree.example.com"


@pytest.mark.parametrize(
    ("origin", "site", "allowed"),
    [
        (OWN, None, True),
        ("HTTPS://Tree.Example.com", "same-origin", True),
        (None, "same-origin", True),
        (None, None, False),
        (OWN, "none", False),
        (OWN, "same-site", False),
        ("https://other.example.com", "same-origin", False),
        ("http://tree.example.com", None, False),
        ("https://tree.example.com:8443", None, False),
        ("null", None, False),
        ("", None, False),
    ],
)
def test_who_may_change_something(origin: str | None, site: str | None, allowed: bool) -> None:
    assert may_change(origin, site, OWN) == allowed


def test_who_may_read_by_a_cookie() -> None:
    assert [may_read(site) for site in (None, "same-origin", "none")] == [True] * 3
    assert [may_read(site) for site in ("same-site", "cross-site", "", "nonsense")] == [False] * 4


@pytest.mark.parametrize(
    ("proto", "forwarded", "scheme"),
    [
        (["https"], [], "https"),
        (["http, HTTPS "], [], "https"),
        (["https", "http"], ["proto=https"], "http"),
        (["javascript"], [], None),
        ([""], ["proto=https"], None),
        ([], ['for=10.0.0.1;proto="https", for=[::1];by=x; PROTO=http'], "http"),
        ([], ["for=10.0.0.1"], None),
        ([], [], None),
    ],
)
def test_what_a_proxy_was_spoken_to_by(proto: list[str], forwarded: list[str], scheme: str | None) -> None:
    assert scheme_told(proto, forwarded) == scheme
