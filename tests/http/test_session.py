"""A session: what the cookie is, what it opens and what it doesn't, whose pages may use it, and what ends it."""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest

from smarttree.config import StateConfig
from smarttree.http.access import ACCESS, ATTEMPTS_MAX
from tests.clients.plain import DEADLINE_S, Stream
from tests.http.server import Server
from tests.http.test_access import until

READS, CHANGES = "first-of-the-tokens", "second-of-the-tokens"
LINES = f"ci read {READS}\nops read,watch {CHANGES}\n"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(LINES)
    return file


@pytest.fixture
def guarded(project: Path, tokens: Path) -> Iterator[Server]:
    with Server(project, auth_token_file=str(tokens), bases=[project.parent]) as running:
        yield running


def asked(server: Server, method: str, target: str, headers: dict[str, str], body: str | bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        connection.close()


def code(answer: Answer) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["code"]


def logged_in(server: Server, token: str = READS, **headers: str) -> Answer:
    own = {"Origin": server.url, **JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asked(server, "POST", "/session", own, json.dumps({"token": token}))


def cookie_of(answer: Answer) -> dict[str, str]:
    assert answer[0] in (201, 303), answer
    return {"Cookie": answer[1]["set-cookie"].partition(";")[0]}


def reroot(server: Server) -> str:
    return json.dumps({"path": str(server.service.config.roots[0], "utf-8")})


# ---------------------------------------------------------------- what it is


def test_the_cookie_is_for_this_server_alone_and_no_script_has_it(guarded: Server) -> None:
    status, headers, body = logged_in(guarded)
    assert status == 201
    told = json.loads(body)
    assert (told["name"], told["scopes"]) == ("ci", ["read"])
    assert headers["cache-control"] == "no-store"
    assert re.fullmatch(
        r"smarttree-[0-9a-f]{8}=[\w-]{54}; HttpOnly; Max-Age=43200; Path=/; SameSite=Strict", headers["set-cookie"]
    )


def test_through_tls_it_never_goes_in_the_clear(project: Path, tokens: Path) -> None:
    proxies = (ip_network("127.0.0.0/8"),)
    with Server(project, auth_token_file=str(tokens), trusted_proxies=proxies) as server:
        own = f"https://127.0.0.1:{server.port}"
        for told in ({"X-Forwarded-Proto": "https"}, {"Forwarded": "for=10.0.0.1;proto=https"}):
            answer = asked(server, "POST", "/session", {"Origin": own, **JSON, **told}, json.dumps({"token": READS}))
            assert re.fullmatch(
                r"__Host-smarttree-\w{8}=[\w-]{54}; HttpOnly; Max-Age=43200; Path=/; SameSite=Strict; Secure",
                answer[1]["set-cookie"],
            )
            cookie = cookie_of(answer)
            assert asked(server, "GET", "/clock", {**cookie, **told})[0] == 200
            assert code(asked(server, "GET", "/clock", cookie)) == (401, "token-required")
            plain = {"Cookie": cookie["Cookie"].removeprefix("__Host-")}
            assert code(asked(server, "GET", "/clock", {**plain, **told})) == (401, "token-required")
            gone = asked(server, "DELETE", "/session", {**cookie, **told, "Origin": own})
            assert re.fullmatch(r'__Host-smarttree-\w{8}="";.* Max-Age=0; .*Secure', gone[1]["set-cookie"])


def test_who_is_no_trusted_proxy_does_not_say_what_is_secure(guarded: Server) -> None:
    answer = logged_in(guarded, X_Forwarded_Proto="https", Forwarded="proto=https")
    assert "Secure" not in answer[1]["set-cookie"]
    assert code(logged_in(guarded, Origin=guarded.url.replace("http:", "https:"), X_Forwarded_Proto="https"))[0] == 403


def test_it_opens_what_the_token_opens(guarded: Server) -> None:
    reader, changer = cookie_of(logged_in(guarded)), cookie_of(logged_in(guarded, CHANGES))
    for cookie in (reader, changer):
        for path in ("/tree", "/stats", "/clock", "/watch", "/search?q=main", "/session"):
            status, headers, _ = asked(guarded, "GET", path, cookie)
            assert status == 200, path
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert re.search("private|no-store", headers["cache-control"])
    own = {"Origin": guarded.url}
    assert code(asked(guarded, "POST", "/watch", {**reader, **own}, reroot(guarded))) == (403, "scope-missing")
    assert asked(guarded, "POST", "/watch", {**changer, **own}, reroot(guarded))[0] == 200
    assert "cross-origin-resource-policy" not in guarded.get("/clock", Authorization=f"Bearer {READS}")[1]


def test_a_form_is_sent_back_to_the_page(guarded: Server) -> None:
    body = f"token={quote(READS)}"
    answer = asked(guarded, "POST", "/session", {"Origin": guarded.url, **FORM}, body)
    assert (answer[0], answer[1]["location"]) == (303, "./")
    assert asked(guarded, "GET", "/clock", cookie_of(answer))[0] == 200


def test_who_one_is(guarded: Server, server: Server) -> None:
    told = json.loads(asked(guarded, "GET", "/session", cookie_of(logged_in(guarded, CHANGES)))[2])
    assert (told["name"], told["scopes"]) == ("ops", ["read", "watch"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["until"])
    shown = asked(guarded, "GET", "/session", {"Authorization": f"Bearer {READS}"})
    assert json.loads(shown[2]) == {"name": "ci", "scopes": ["read"], "until": None}
    assert server.json("/session") == {"name": None, "scopes": ["read", "watch"], "until": None}
    assert code(logged_in(server)) == (401, "token-refused")


# ---------------------------------------------------------------- whose pages may use it


def origins(own: str) -> list[tuple[bool, dict[str, str]]]:
    """What a browser may say about where a request comes from, and whether that is a page of `own`."""
    site = "Sec-Fetch-Site"
    others = [own.replace("http", "https"), own.replace("127.0.0.1", "localhost"), own[:-1], f"{own}.evil.example"]
    return [
        (True, {"Origin": own}),
        (True, {"Origin": own, site: "same-origin"}),
        (True, {site: "same-origin"}),
        (False, {}),
        *((False, {"Origin": own, site: other}) for other in ("same-site", "cross-site", "none", "")),
        *((False, {site: other}) for other in ("same-site", "cross-site", "none")),
        *(
            (False, {"Origin": other, **more})
            for other in ("null", "", "https://evil.example", f"{own}@evil.example", *others)
            for more in ({}, {site: "same-origin"})
        ),
    ]


def test_only_its_own_page_changes_anything(guarded: Server) -> None:
    asks = (("POST", "/session", json.dumps({"token": CHANGES})), ("POST", "/watch", reroot(guarded)),
            ("POST", "/ticket", None), ("DELETE", "/session", None))  # fmt: skip
    for allowed, headers in origins(guarded.url):
        cookie = cookie_of(logged_in(guarded, CHANGES))
        for method, path, body in asks:
            answer = asked(guarded, method, path, {**cookie, **headers, **JSON}, body)
            assert (answer[0] < 300) == allowed, (method, path, headers, answer)
            assert allowed or code(answer) == (403, "origin-refused")
            assert allowed or "set-cookie" not in answer[1]


def test_a_page_of_another_origin_reads_nothing_with_it(guarded: Server) -> None:
    """Also one on another port, to which the browser would send it."""
    cookie = cookie_of(logged_in(guarded))
    for site, status in (("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401), ("x", 401)):
        for path in ("/clock", "/tree", "/search?q=main"):
            assert asked(guarded, "GET", path, {**cookie, "Sec-Fetch-Site": site})[0] == status, (site, path)


def test_cors_does_not_open_it(project: Path, tokens: Path) -> None:
    app = "https://app.example.com"
    for cors in ((app,), ("*",)):
        with Server(project, auth_token_file=str(tokens), cors=cors) as server:
            assert code(logged_in(server, Origin=app)) == (403, "origin-refused")
            ask = {"Origin": app, "Access-Control-Request-Method": "POST"}
            assert asked(server, "OPTIONS", "/session", ask)[0] == 403
            cookie = cookie_of(logged_in(server))
            for method, path in (("GET", "/session"), ("GET", "/clock"), ("DELETE", "/session"), ("POST", "/ticket")):
                answer = asked(server, method, path, {**cookie, "Origin": app, "Sec-Fetch-Site": "cross-site"})
                assert answer[0] in (401, 403), (method, path)
                assert "access-control-allow-credentials" not in answer[1]


# ---------------------------------------------------------------- what is none


def test_what_only_looks_like_one_is_none(guarded: Server) -> None:
    name, _, value = cookie_of(logged_in(guarded))["Cookie"].partition("=")
    ticket = json.loads(asked(guarded, "POST", "/ticket", {"Authorization": f"Bearer {READS}"})[2])["ticket"]
    changed = value[:9] + ("A" if value[9] != "A" else "B") + value[10:]
    for wrong in (ticket, changed, value[:-2], "", READS, "A" * 54, "é"):
        answer = asked(guarded, "GET", "/clock", {"Cookie": f"{name}={wrong}"})
        assert code(answer) in ((401, "token-refused"), (401, "token-required")), wrong
    assert code(guarded.get(f"/events?ticket={value}")) == (401, "token-refused")
    assert code(asked(guarded, "GET", "/clock", {"Cookie": f"smarttree={value}"})) == (401, "token-required")


def test_a_token_that_is_shown_counts_alone(guarded: Server) -> None:
    cookie = cookie_of(logged_in(guarded))
    assert code(asked(guarded, "GET", "/clock", {**cookie, "Authorization": "Bearer wrong"})) == (401, "token-refused")
    answer = asked(guarded, "POST", "/ticket", {**cookie, "Authorization": f"Bearer {READS}"})
    assert answer[0] == 201


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '"token"', '{"token": 1}', '{"token": "a", "more": 1}', "token=a", "[" * 9000]
)
def test_what_is_no_body_is_told_so_without_repeating_it(guarded: Server, body: str) -> None:
    answer = asked(guarded, "POST", "/session", {"Origin": guarded.url, **JSON}, body)
    assert code(answer) == (400, "bad-parameter")
    assert code(asked(guarded, "POST", "/session?token=a", {"Origin": guarded.url}, body))[0] == 400
    for form in ("", "token=a&token=b", "token=a&more=1", "&".join("a=1" for _ in range(100))):
        assert code(asked(guarded, "POST", "/session", {"Origin": guarded.url, **FORM}, form))[0] == 400


def test_a_body_without_end_is_refused(guarded: Server) -> None:
    body = json.dumps({"token": "x" * (64 << 10)})
    assert code(asked(guarded, "POST", "/session", {"Origin": guarded.url, **JSON}, body))[0] == 413


def test_who_guesses_waits_and_who_knows_does_not(guarded: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for number in range(ATTEMPTS_MAX):
            assert code(logged_in(guarded, f"guess-{number}-of-many")) == (401, "token-refused")
        status, headers, body = logged_in(guarded, "guess-of-many")
        assert (status, json.loads(body)["code"]) == (429, "too-many-attempts")
        assert 0 < int(headers["retry-after"]) <= 6
        assert code(asked(guarded, "GET", "/clock", {"Authorization": "Bearer wrong"}))[0] == 429
        cookie = cookie_of(logged_in(guarded))
        assert asked(guarded, "GET", "/clock", cookie)[0] == 200
    assert not re.search(f"{READS}|of-many|{cookie['Cookie'].partition('=')[2]}", caplog.text)


# ---------------------------------------------------------------- what ends it


def test_to_log_out_ends_it_and_its_streams_and_no_other(guarded: Server, fanout: str) -> None:
    ours, others = cookie_of(logged_in(guarded)), cookie_of(logged_in(guarded))
    streams = [Stream(f"{guarded.url}/events", headers=cookie) for cookie in (ours, others)]
    for stream in streams:
        stream.frame(DEADLINE_S)
    until(lambda: guarded.app_streams() == 2)
    status, headers, _ = asked(guarded, "DELETE", "/session", {**ours, "Origin": guarded.url})
    assert status == 204
    assert re.search(r'=""; .*HttpOnly; Max-Age=0; Path=/; SameSite=Strict', headers["set-cookie"])
    while streams[0].frame(DEADLINE_S) is not None:
        pass
    assert code(asked(guarded, "GET", "/clock", ours)) == (401, "token-required")
    assert asked(guarded, "GET", "/clock", others)[0] == 200
    assert guarded.app_streams() == 1
    for stream in streams:
        stream.close()


def test_it_ends_with_its_token(project: Path, tokens: Path, guarded: Server) -> None:
    reader, changer = cookie_of(logged_in(guarded)), cookie_of(logged_in(guarded, CHANGES))
    stream = Stream(f"{guarded.url}/events", headers=reader)
    stream.frame(DEADLINE_S)
    draft = tokens.with_name("draft")
    draft.write_text(LINES.splitlines()[1])
    draft.rename(tokens)
    while stream.frame(DEADLINE_S) is not None:
        pass
    stream.close()
    assert code(asked(guarded, "GET", "/clock", reader)) == (401, "token-required")
    assert asked(guarded, "GET", "/clock", changer)[0] == 200


def test_it_outlives_the_server_where_there_is_a_state(project: Path, tokens: Path, tmp_path: Path) -> None:
    state = StateConfig(directory=bytes(tmp_path / "state"))
    with Server(project, auth_token_file=str(tokens), state=state) as server:
        cookie, gone = cookie_of(logged_in(server)), cookie_of(logged_in(server))
        assert asked(server, "DELETE", "/session", {**gone, "Origin": server.url})[0] == 204
    assert (tmp_path / "state" / "sessions.ended").stat().st_mode & 0o777 == 0o600
    with Server(project, auth_token_file=str(tokens), state=state) as server:
        assert asked(server, "GET", "/clock", cookie)[0] == 200
        assert code(asked(server, "GET", "/clock", gone)) == (401, "token-required")
    (tmp_path / "state" / "sessions.ended").write_bytes(b"damaged")
    with Server(project, auth_token_file=str(tokens), state=state) as server:
        assert code(asked(server, "GET", "/clock", cookie)) == (401, "token-required")
    with Server(project, auth_token_file=str(tokens)) as server:
        name = server.app[ACCESS].sessions.cookie(secure=False)
        other = {"Cookie": f"{name}={cookie['Cookie'].partition('=')[2]}"}
        assert code(asked(server, "GET", "/clock", cookie)) == (401, "token-required")  # another server's, by its name
        assert code(asked(server, "GET", "/clock", other)) == (401, "token-refused")
