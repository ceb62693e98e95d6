"""`/compress`: one content in each format, exactly; its tag names the content; nothing but files is given out."""

from __future__ import annotations

import gzip
import http.client
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import xxhash
import zstandard

from smarttree import marqant
from smarttree.codec.coding import document
from smarttree.http.stored import SMALL_BYTES
from smarttree.wire import MEDIA_TYPE_QTN
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server
from tests.http.test_rest import problem

SECRET = b"what is outside of the root"
Answer = tuple[int, dict[str, str], bytes]

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    "marqant": lambda body: marqant.decode(body, 1 << 20).text,
}
TYPES = {"gzip": "application/gzip", "zstd": "application/zstd", "marqant": "application/vnd.marqant"}
SUFFIXES = {"gzip": "gz", "zstd": "zst", "marqant": "mq"}


@pytest.fixture
def project(project: Path) -> Path:
    """With {src/file.md, large.bin, pipe, out -> .., away -> ../secret}, beside a secret."""
    (project / "src" / "file.md").write_text("# A file\n\nof **Markdown**, of Markdown, of Markdown\n" * 9)
    (project / "large.bin").write_bytes(Random(1).randbytes(4 * SMALL_BYTES))
    (project.parent / "secret").write_bytes(SECRET)
    (project / "out").symlink_to("..")
    (project / "away").symlink_to("../secret")
    os.mkfifo(project / "pipe")
    return project


def digest_in(tag: str) -> str:
    return tag.strip('"').partition("-")[0]


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("path", ["src/file.md", "src/lib.rs", "README.md"])
def test_a_content_comes_whole_in_each_format(server: Server, project: Path, path: str, name: str) -> None:
    status, headers, body = server.get(f"/compress?path=/{path}&format={name}", Accept_Encoding="gzip, zstd")
    content = (project / path).read_bytes()
    assert status == 200
    assert DECODERS[name](body) == content
    assert digest_in(headers["etag"]) == xxhash.xxh3_128_hexdigest(content)
    assert (headers["content-type"], int(headers["content-length"])) == (TYPES[name], len(body))
    assert "content-encoding" not in headers
    file_name = f"{Path(path).name}.{SUFFIXES[name]}"
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{file_name}"
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("private, no-cache", "nosniff")
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert server.get(f"/compress?path={project}/{path}&format={name}")[2] == body


def test_the_line_of_the_seed(server: Server, project: Path) -> None:
    _, _, body = server.get("/compress?path=/src/file.md&format=marqant")
    assert body.startswith(b"MARQANT %d %d " % (project.joinpath("src/file.md").stat().st_mtime, 9 * 52))
    assert len(body) < 200


def test_a_directory_comes_as_its_tree_does(server: Server) -> None:
    for path in ("/", "/src", "/empty"):
        status, headers, body = server.get(f"/compress?path={path}&format=qtn")
        _, told, bare = server.get(f"/tree?path={path}&mode=quantum", Accept=MEDIA_TYPE_QTN)
        assert (status, body, headers["etag"]) == (200, bare, told["etag"])
        assert (headers["content-type"], headers["x-smarttree-clock"]) == (MEDIA_TYPE_QTN, told["x-smarttree-clock"])
        assert headers["content-disposition"].endswith(".qtn")


def test_a_name_of_any_bytes(server: Server, project: Path) -> None:
    (project / os.fsdecode(b'a "b\xff\n;c')).write_bytes(b"content")
    server.sync()
    status, headers, body = server.get("/compress?path=a%20%22b%ff%0a;c&format=gzip")
    assert (status, gzip.decompress(body)) == (200, b"content")
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''a%20%22b%FF%0A%3Bc.gz"


# ---------------------------------------------------------------- tags and parts


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_the_tag_is_the_contents(server: Server, project: Path, name: str) -> None:
    target, file = f"/compress?path=/src/file.md&format={name}", project / "src" / "file.md"
    _, first, body = server.get(target)
    (project / "copy").write_bytes(file.read_bytes())
    os.utime(file)
    server.sync()
    for path in ("/src/file.md", "/copy"):
        assert server.get(f"/compress?path={path}&format={name}")[1]["etag"] == first["etag"]
    file.write_bytes(b"another")
    server.sync()
    status, other, _ = server.get(target, If_None_Match=first["etag"])
    assert (status, other["etag"] != first["etag"]) == (200, True)
    assert problem(server.get(target, If_Match=first["etag"]))[:2] == (412, "precondition-failed")
    (project / "copy").rename(file)
    server.sync()
    assert server.get(target)[2] == body
    assert server.get(target, If_None_Match=first["etag"])[0] == 304


def test_each_format_has_a_tag_of_its_own(server: Server) -> None:
    tags = {server.get(f"/compress?path=/README.md&format={name}")[1]["etag"] for name in DECODERS}
    assert len(tags) == len(DECODERS)
    assert len({digest_in(tag) for tag in tags}) == 1


def test_who_has_it_has_nothing_made(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    target = "/compress?path=/large.bin&format=zstd"
    _, headers, _ = server.get(target)
    monkeypatch.setattr("smarttree.http.compress._maker", lambda *_: pytest.fail("it was made"))
    status, told, body = server.get(target, If_None_Match=headers["etag"])
    assert (status, body, told["etag"]) == (304, b"", headers["etag"])
    assert "content-type" not in told


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_parts_joined_are_the_whole(server: Server, name: str) -> None:
    target = f"/compress?path=/large.bin&format={name}"
    _, headers, whole = server.get(target)
    cuts = [0, *sorted(Random(name).sample(range(1, len(whole)), 5)), len(whole)]
    joined = b""
    for start, stop in pairwise(cuts):
        status, _, body = server.get(target, Range=f"bytes={start}-{stop - 1}", If_Range=headers["etag"])
        assert status == 206
        joined += body
    assert joined == whole
    assert problem(server.get(target, Range=f"bytes={len(whole)}-"))[:2] == (416, "range-not-satisfiable")


def test_head_tells_what_get_would(server: Server) -> None:
    target = "/compress?path=/large.bin&format=gzip"
    _, told, _ = server.get(target)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("HEAD", target)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    connection.close()
    assert (response.status, response.read()) == (200, b"")
    assert {**headers, "date": ""} == {**told, "date": ""}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("?path=/README.md", 400, "unknown-format"),
        ("?path=/README.md&format=", 400, "unknown-format"),
        ("?path=/README.md&format=brotli", 400, "unknown-format"),
        ("?path=/README.md&format=gzip&format=zstd", 400, "bad-parameter"),
        ("?path=/README.md&format=gzip&level=9", 400, "bad-parameter"),
        ("?format=gzip", 415, "cannot-carry"),
        ("?path=/src&format=marqant", 415, "cannot-carry"),
        ("?path=/README.md&format=qtn", 415, "cannot-carry"),
        ("?path=/large.bin&format=marqant", 415, "cannot-carry"),
        ("?path=/nowhere&format=gzip", 404, "no-such-path"),
        ("?path=/README.md/&format=gzip&x", 400, "bad-parameter"),
        ("?path=/README.md/x&format=gzip", 404, "no-such-path"),
        ("?path=/latest&format=gzip", 400, "not-a-file"),
        ("?path=/latest&format=qtn", 415, "cannot-carry"),
        ("?path=/latest/file.md&format=gzip", 404, "no-such-path"),
        ("?path=/away&format=gzip", 400, "not-a-file"),
        ("?path=/out/secret&format=gzip", 404, "no-such-path"),
        ("?path=/out/project/README.md&format=gzip", 404, "no-such-path"),
        ("?path=/pipe&format=gzip", 400, "not-a-file"),
    ],
)
def test_a_request_is_refused(server: Server, target: str, status: int, code: str) -> None:
    assert problem(server.get(f"/compress{target}"))[:2] == (status, code)


def test_an_unknown_format_is_told_which_there_are(server: Server) -> None:
    detail = problem(server.get("/compress?path=/README.md&format=brotli"))[2]["detail"]
    assert all(name in detail for name in ("marqant", "zstd", "gzip", "qtn", "brotli"))


@pytest.mark.parametrize("name", ["gzip", "qtn"])
@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "/../secret",
        "%2e%2e/secret",
        "%2E%2E%2Fsecret",
        "..%2fsecret",
        "..%252fsecret",
        "%252e%252e%252fsecret",
        "..%5csecret",
        "..%c0%afsecret",
        "%c0%ae%c0%ae/secret",
        "%uff0e%uff0e/secret",
        "src/../../secret",
        "src/..%00/../secret",
        "README.md%00",
        "./%2e%2e/./secret",
        "....//secret",
        "/proc/self/root/etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
    ],
)
def test_no_path_leaves_the_root(server: Server, path: str, name: str) -> None:
    status, _, body = server.get(f"/compress?path={path}&format={name}")
    assert status in (400, 404)
    assert SECRET not in body


def test_the_path_of_the_secret_itself(server: Server, project: Path) -> None:
    assert problem(server.get(f"/compress?path={project.parent}/secret&format=gzip"))[:2] == (404, "no-such-path")


def test_devices_are_not_opened() -> None:
    with Server(Path("/dev"), watch=False) as server:
        for device in ("zero", "null", "full", "random", "tty"):
            for name in DECODERS:
                assert problem(server.get(f"/compress?path=/{device}&format={name}"))[:2] == (400, "not-a-file")


def test_what_is_left_out_has_no_content(project: Path) -> None:
    with Server(project, exclude=(b"*.md",)) as server:
        assert problem(server.get("/compress?path=/README.md&format=gzip"))[:2] == (404, "no-such-path")


def test_ten_gigabytes_of_nothing_are_refused_unread(server: Server, project: Path) -> None:
    with (project / "sparse").open("wb") as sparse:
        sparse.truncate(10 << 30)
    server.sync()
    for name in DECODERS:
        refused = problem(server.get(f"/compress?path=/sparse&format={name}"))
        assert refused[:2] == (413, "too-large")
        assert "10,737,418,240" in refused[2]["detail"]


def test_the_bounds_of_size(project: Path) -> None:
    (project / "nothing").touch()
    (project / "million").write_bytes(b"a" * (marqant.ENCODE_BYTES_MAX + 1))
    with Server(project) as server:
        assert problem(server.get("/compress?path=/million&format=marqant"))[:2] == (413, "too-large")
        assert server.get("/compress?path=/million&format=gzip")[0] == 200
    with Server(project, compress_max_bytes=0) as server:
        assert problem(server.get("/compress?path=/README.md&format=gzip"))[:2] == (413, "too-large")
        assert gzip.decompress(server.get("/compress?path=/nothing&format=gzip")[2]) == b""
        assert server.get("/compress?path=/src&format=qtn")[0] == 200


def test_before_the_first_scan(project: Path) -> None:
    with Server(project, scan=False) as server:
        assert problem(server.get("/compress?path=/README.md&format=gzip"))[:2] == (503, "not-ready")


# ---------------------------------------------------------------- while things move


@pytest.fixture
def restless(project: Path) -> Iterator[Callable[[Callable[[int], None]], None]]:
    """Has something done over and over, in a thread, until the test ends."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def begin(step: Callable[[int], None]) -> None:
        def run() -> None:
            number = 0
            while not ended.is_set():
                step(number)
                number += 1

        threads.append(threading.Thread(target=run))
        threads[0].start()

    yield begin
    ended.set()
    for thread in threads:
        thread.join()


def test_a_file_that_is_replaced_is_always_one_of_those(
    server: Server, project: Path, restless: Callable[[Callable[[int], None]], None]
) -> None:
    file, other = project / "src" / "file.md", project.parent / "other"
    file.write_bytes(b"0" * 70_000)
    server.sync()

    def replace(number: int) -> None:
        other.write_bytes(b"%d" % (number % 10) * 70_000)
        other.rename(file)

    restless(replace)
    for _ in range(60):
        status, headers, body = server.get("/compress?path=/src/file.md&format=zstd")
        if status == 200:
            content = DECODERS["zstd"](body)
            assert (len(content), len(set(content))) == (70_000, 1)
            assert digest_in(headers["etag"]) == xxhash.xxh3_128_hexdigest(content)
        else:
            assert problem((status, headers, body))[:2] in ((503, "changed-while-read"), (404, "no-such-path"))


def test_a_file_that_is_written_is_one_state_of_it_or_refused(
    server: Server, project: Path, restless: Callable[[Callable[[int], None]], None]
) -> None:
    file = project / "src" / "file.md"

    def write(number: int) -> None:
        with file.open("r+b") as open_file:
            open_file.write(b"%d" % (number % 10) * 200_000)

    restless(write)
    for _ in range(60):
        status, headers, body = server.get("/compress?path=/src/file.md&format=gzip")
        if status == 200:
            assert digest_in(headers["etag"]) == xxhash.xxh3_128_hexdigest(gzip.decompress(body))
        else:
            assert problem((status, headers, body))[:2] == (503, "changed-while-read")
            assert headers["retry-after"] == "1"


def test_a_directory_that_becomes_a_link_leads_nowhere(
    server: Server, project: Path, restless: Callable[[Callable[[int], None]], None]
) -> None:
    inside, outside = project / "d", project.parent / "d"
    for directory, content in ((inside, b"inside"), (outside, SECRET)):
        directory.mkdir()
        (directory / "file").write_bytes(content)
    server.sync()

    def swap(_: int) -> None:
        inside.rename(project.parent / "kept")
        inside.symlink_to(outside)
        inside.unlink()
        (project.parent / "kept").rename(inside)

    restless(swap)
    seen = set()
    for _ in range(150):
        status, _, body = server.get("/compress?path=/d/file&format=gzip")
        seen.add(status)
        assert status in (200, 404)
        assert status == 404 or gzip.decompress(body) == b"inside"
    assert seen


def test_a_file_that_has_gone_before_anyone_knows(server: Server, project: Path) -> None:
    (project / "README.md").unlink()
    assert problem(server.get("/compress?path=/README.md&format=gzip"))[:2] == (404, "no-such-path")


def test_many_who_ask_at_once_have_it_made_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    made, go_on = [], threading.Event()

    def counted(*asked: object) -> Iterator[bytes]:
        made.append(asked)
        assert go_on.wait(DEADLINE_S)
        yield from document(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr("smarttree.http.compress.document", counted)
    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(server.get, "/compress?path=/large.bin&format=zstd") for _ in range(20)]
        go_on.set()
        assert len({each.result()[2] for each in asking}) == 1
    assert len(made) == 1
