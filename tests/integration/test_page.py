"""The live page in a real browser: what happens on the disk is seen, what is hostile is text, who may read is asked."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.browser import Browser, Page
from tests.http.server import Server
from tests.integration.process import Process
from tests.integration.test_clients import CHROMIUM
from tests.integration.test_https import write_pair
from tests.nursery import Nursery
from tests.toolchains import tool

TOKEN = "a-token-of-the-page"
# Names as they are on the disk, and as they are to be read.
HOSTILE = {
    b"<img src=x onerror='ran=1'>": "<img src=x onerror='ran=1'>",
    b"<script>ran=1<%2fscript>": "<script>ran=1<%2fscript>",
    b"\"onmouseover='ran=1'&amp;": "\"onmouseover='ran=1'&amp;",
    b"javascript:ran=1": "javascript:ran=1",
    b"{{ran}}${ran=1}`": "{{ran}}${ran=1}`",
    b"line\nbreak\ttab\x1b[31m\x7f": "line\\nbreak\\ttab\\x1b[31m\\x7f",
    "invoice\u202efdp.exe".encode(): "invoice\\u202efdp.exe",
    "zero\u200bwidth\ufeff\u2028\U000e0041".encode(): "zero\\u200bwidth\\ufeff\\u2028\\U000e0041",
    b"caf\xe9": "caf\\xe9",
    "caf\u00e9".encode(): "caf\u00e9",
    b"back\\slash\\n": "back\\\\slash\\\\n",
    "\u05d0\u05d1\u05d2".encode(): "\u05d0\u05d1\u05d2",
    b"?q=1&a#b%00": "?q=1&a#b%00",
}
LINE = b"<script>ran=1</script> needle \x1b[31m\xe2\x80\xae\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(tool(*CHROMIUM)) as running:
        yield running


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "src" / "deep").mkdir(parents=True)
    (top / "README.md").write_text("# read me\n")
    (top / "src" / "main.rs").write_text("fn main() { todo!() }\n")
    return top


@pytest.fixture
def server(top: Path) -> Iterator[Server]:
    with Server(top) as running:
        yield running


def is_live(page: Page) -> None:
    page.until("document.querySelector('#state').dataset.state === 'live'")
    page.until("document.querySelectorAll('#tree [role=treeitem]').length > 0")


def names(page: Page, within: str) -> list[str]:
    script = f"[...document.querySelectorAll({json.dumps(within)})].map((each) => each.innerText)"
    told: list[str] = page.run(script)
    return told


def open_directory(page: Page, label: str) -> None:
    item = f"document.querySelector({json.dumps(f'#tree [role=treeitem][aria-label^={json.dumps(label)}]')})"
    page.until(f"!!{item}")
    page.run(f"{item}.entry.isOpen || {item}.querySelector('.row').click()")
    page.until(f"{item}.querySelectorAll('li').length")


def test_what_happens_is_seen(browser: Browser, server: Server, top: Path) -> None:
    page = browser.page(server.url)
    is_live(page)
    page.until("document.querySelector('#files').innerText === '2'")
    assert page.text("#dirs") == "2"
    assert "Nothing has changed" in page.text("#feed-empty")
    page.until("document.querySelectorAll('#tree .name').length === 3")
    assert names(page, "#tree .name") == [str(top), "src", "README.md"]
    (top / "src" / "lib.rs").write_text("//\n")
    (top / "README.md").rename(top / "src" / "README.md")
    page.until("[...document.querySelectorAll('#feed li')].some((row) => row.innerText.includes('src/lib.rs'))")
    page.until("!!document.querySelector('#feed .renamed')")
    page.until("document.querySelector('#files').innerText === '3'")
    page.until("![...document.querySelectorAll('#tree .name')].some((each) => each.innerText === 'README.md')")
    open_directory(page, "src")
    assert {"deep", "README.md", "lib.rs", "main.rs"} <= set(names(page, "#tree .name"))
    assert page.complaints() == []


def test_a_hostile_tree_is_text_and_nothing_runs(browser: Browser, server: Server, top: Path) -> None:
    page = browser.page(server.url)
    is_live(page)
    elements = "document.querySelectorAll('script, img, iframe, object, [onerror], [onmouseover]').length"
    before = page.run(elements)
    directory = os.fsencode(top / "src" / "<b>hostile")
    os.mkdir(directory)
    for name in HOSTILE:
        with open(os.path.join(directory, name), "wb") as file:
            file.write(LINE)
    page.until(f"document.querySelectorAll('#feed .created').length >= {len(HOSTILE)}")
    seen = {text.rpartition("src/<b>hostile/")[2] for text in names(page, "#feed .path")}
    assert set(HOSTILE.values()) <= seen
    open_directory(page, "src")
    open_directory(page, "<b>hostile")
    page.until(f"document.querySelectorAll('#tree .name').length >= {len(HOSTILE) + 5}")
    assert set(HOSTILE.values()) <= set(names(page, "#tree .name"))
    labels = page.run("[...document.querySelectorAll('#tree li')].map((each) => each.ariaLabel ?? '')")
    assert {f"{shown} {len(LINE)} B" for shown in HOSTILE.values()} <= set(labels)
    for where in ("name", "content"):
        page.run(f"document.querySelector('[name=in][value={where}]').click()")
        page.run("document.querySelector('#find-q').value = ''")
        page.type("#find-q", "needle" if where == "content" else "a")
        page.press("Enter")
        told = "names" if where == "name" else "lines"
        page.until(f"document.querySelector('#find-told').innerText.includes('{told}')")
    found = names(page, "#found .hit code")
    assert len(found) == len(HOSTILE)
    assert set(found) == {"<script>ran=1</script> needle \\x1b[31m\\u202e"}
    assert names(page, "#found mark") == ["needle"] * len(HOSTILE)
    assert page.run("typeof ran") == "undefined"
    assert page.run(elements) == before
    assert page.complaints() == []


def test_what_would_make_markup_is_refused_by_the_policy(browser: Browser, server: Server) -> None:
    """The browser keeps it, whatever a later change of the page does. And that it complains is seen by these tests."""
    page = browser.page(server.url)
    is_live(page)
    assert page.complaints() == []
    tried = "(() => { try { document.body.innerHTML = '<b>'; return 'made'; } catch (error) { return error.name; } })()"
    assert page.run(tried) == "TypeError"
    page.run("document.body.append(Object.assign(document.createElement('img'), { src: 'data:image/gif;base64,R0=' }))")
    page.until("document.images.length > 1")
    assert any("Content Security Policy" in told for told in page.complaints())


def test_the_keyboard_reaches_all_of_the_tree(browser: Browser, server: Server) -> None:
    page = browser.page(server.url)
    is_live(page)
    page.until("document.querySelectorAll('#tree [role=treeitem]').length === 3")
    page.run("document.querySelector('#tree [tabindex=\"0\"]').focus()")
    focused = "document.activeElement.ariaLabel"
    root = str(server.service.config.roots[0], "utf-8")
    keys = ("ArrowDown", "ArrowRight", "ArrowRight", "End", "Home", "s", "ArrowLeft")
    labels = ("src", "src", "deep", "README.md", root, "src", "src")
    for key, label in zip(keys, labels, strict=True):
        page.press(key)
        if key == "ArrowRight":
            page.until("document.querySelectorAll('#tree [role=treeitem]').length === 5")
        assert str(page.run(focused)).split(" ")[0] == label, key
    assert page.run("document.activeElement.ariaExpanded") == "false"
    assert page.run("document.querySelectorAll('#tree [tabindex=\"0\"]').length") == 1


def test_who_is_nobody_logs_in_and_out(browser: Browser, top: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"reader read {TOKEN}\nother read another-of-the-tokens\n")
    with Server(top, auth_token_file=str(file)) as server:
        page = browser.page(server.url)
        page.until("!document.querySelector('#login').hidden")
        assert page.run("document.activeElement.id") == "token"
        assert page.run("document.querySelector('#board').hidden")
        page.type("#token", "wrong-wrong-wrong")
        page.press("Enter")
        page.until("document.querySelector('#login-error').innerText.includes('not one of')")
        page.run("document.querySelector('#token').value = ''")
        log_in(page)
        assert page.text("#who-name") == "reader"
        [cookie] = [each for each in page.cookies() if each["name"].startswith("smarttree-")]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
        assert page.run("document.cookie") == ""
        assert page.run("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])").count(TOKEN) == 0
        page.go(server.url)
        is_live(page)
        page.click("#logout")
        page.until("!document.querySelector('#login').hidden")
        assert "README" not in page.run("document.documentElement.outerHTML")
        assert page.cookies() == []
        page.go(server.url)
        page.until("!document.querySelector('#login').hidden")
        log_in(page)
        (tmp_path / "draft").write_text("other read another-of-the-tokens\n")
        (tmp_path / "draft").rename(file)
        page.until("!document.querySelector('#login').hidden")
        assert "Log in again" in page.text("#login-error")
        assert [told for told in page.complaints() if "Content" in told] == []


def test_the_form_works_without_a_script(browser: Browser, top: Path) -> None:
    with Server(top, auth_token=TOKEN) as server:
        page = browser.page(server.url)
        page.until("!document.querySelector('#login').hidden")
        page.type("#token", TOKEN)
        page.run("document.querySelector('#login-form').submit()")  # which asks no listener
        is_live(page)


def test_the_first_scan_is_told_of(browser: Browser, top: Path) -> None:
    with Server(top, scan=False) as server:
        page = browser.page(server.url)
        page.until("document.querySelector('#note').innerText.includes('first scan')")
        server.begin_scan()
        is_live(page)
        page.until("document.querySelector('#files').innerText === '2' && document.querySelector('#note').hidden")


def test_through_tls_the_cookie_is_for_tls_alone(top: Path, tmp_path: Path) -> None:
    pem, key = write_pair(tmp_path, "mine")
    tls = ("--https", "--cert", pem, "--key", key, "--auth-token", TOKEN)
    with Process(top, *tls) as server, Browser(tool(*CHROMIUM), "--ignore-certificate-errors") as browser:
        page = browser.page(f"https://127.0.0.1:{server.port}/")
        log_in(page)
        [cookie] = page.cookies()
        assert cookie["name"].startswith("__Host-smarttree-")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        (top / "news").touch()
        page.until("document.querySelector('#feed').innerText.includes('news')")
        page.click("#logout")
        page.until("!document.querySelector('#login').hidden")
        assert page.cookies() == []


def log_in(page: Page) -> None:
    page.until("!document.querySelector('#login').hidden")
    page.type("#token", TOKEN)
    page.press("Enter")
    is_live(page)


def test_a_storm_costs_the_page_little(browser: Browser, server: Server, top: Path) -> None:
    page = browser.page(server.url)
    is_live(page)
    open_directory(page, "src")
    for number in range(5000):
        (top / "src" / f"{number:04d}").touch()
    page.until("document.querySelector('#files').innerText === '5,002'")
    page.until("document.querySelectorAll('#feed li').length === 60")
    page.until("[...document.querySelectorAll('#tree .rest')].some((each) => each.innerText.includes('4,8'))")
    assert page.run("document.querySelectorAll('*').length") < 2500
    page.click("#tree .rest > .row")
    page.until("document.querySelectorAll('#tree .name').length > 400")
    assert page.complaints() == []


def test_it_comes_back_to_a_server_that_was_killed(browser: Browser, top: Path, tmp_path: Path) -> None:
    with Nursery(tmp_path / "log") as nursery:
        arguments = ["--serve", str(top), "--state", str(tmp_path / "state"), "-q"]
        nursery.bear(*arguments, "--port", "0")
        port = nursery.await_listening()
        page = browser.page(f"http://127.0.0.1:{port}")
        is_live(page)
        (top / "before").touch()
        page.until("[...document.querySelectorAll('#feed li')].some((row) => row.innerText.includes('before'))")
        nursery.kill(signal.SIGKILL)
        page.until("document.querySelector('#state').dataset.state === 'lost'")
        (top / "meanwhile").touch()
        nursery.bear(*arguments, "--port", str(port))
        nursery.await_listening()
        is_live(page)
        page.until("[...document.querySelectorAll('#feed li')].some((row) => row.innerText.includes('meanwhile'))")
        page.until("[...document.querySelectorAll('#tree .name')].some((each) => each.innerText === 'meanwhile')")


def test_who_has_no_connection_left_is_told_so(browser: Browser, server: Server) -> None:
    holder = browser.page(server.url)
    is_live(holder)
    holder.run("globalThis.held = [1, 2, 3, 4, 5].map(() => new EventSource('events?tree=none&events=message')); 0")
    page = browser.page("about:blank")
    holder.until("globalThis.held.slice(0, 4).every((each) => each.readyState === 1)")
    holder.run("globalThis.held.pop().close()")
    page.go(server.url)
    page.until("document.querySelector('#note')?.innerText.includes('six connections')")
    holder.run("globalThis.held.forEach((each) => each.close())")
    page.until("document.querySelector('#note').hidden")
    is_live(page)
