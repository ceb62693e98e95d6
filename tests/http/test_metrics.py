"""`/metrics`: what Prometheus' own parsers read, true to what is told elsewhere, and nothing of what is served."""

from __future__ import annotations

import re
from pathlib import Path
from time import monotonic

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.clients.plain import DEADLINE_S, Follower
from tests.http.server import Server

SPEC = (Path(__file__).resolve().parents[2] / "spec" / "HTTP.md").read_text()
Labels = frozenset[tuple[str, str]]


def samples(server: Server) -> dict[tuple[str, Labels], float]:
    status, headers, body = server.get("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = [*read_text(body.decode())]
    assert all(family.documentation and family.name.startswith("smarttree_") for family in families)
    found = [sample for family in families for sample in family.samples]
    told = {
        (sample.name.removeprefix("smarttree_"), frozenset(sample.labels.items())): sample.value for sample in found
    }
    assert len(told) == len(found)
    return told


def value(server: Server, name: str, /, **labels: str) -> float:
    return samples(server)[name, frozenset(labels.items())]


def test_figures_are_those_of_the_other_endpoints(server: Server, project: Path) -> None:
    (project / "new").write_bytes(b"12345")
    server.sync()
    (project / "README.md").unlink()
    clock = server.sync()
    told = {name: value for (name, labels), value in samples(server).items() if not labels}
    stats = server.json("/stats")
    assert [told[f"tree_{name}"] for name in ("files", "directories", "bytes")] == [
        stats[name] for name in ("files", "dirs", "size")
    ]
    assert (told["ready"], told["roots"], told["problems"], told["scan_entries"]) == (1, 1, 0, 6)
    assert told["clock_seq"] == int(clock.partition("-")[2])
    assert told["batches_total"] == told["log_batches"] == told["clock_seq"] - 1 >= 2
    assert told["changes_total"] >= 2
    assert told["log_bytes"] > 0
    assert told["tree_memory_bytes"] > 0
    assert value(server, "watcher_info", name=stats["watcher"]["name"]) == 1
    assert value(server, "degraded", part="watcher") == value(server, "degraded", part="state") == 0


def test_a_server_that_has_told_nothing_knows_its_tree(server: Server) -> None:
    assert (value(server, "tree_files"), value(server, "batches_total")) == (4, 0)


def test_streams(server: Server, fanout: str) -> None:
    with Follower(f"{server.url}/events") as follower:
        follower.turn()
        assert value(server, "streams_open") == 1
    deadline = monotonic() + DEADLINE_S
    while value(server, "streams_open"):
        assert monotonic() < deadline
    told = samples(server).items()
    closed = {dict(labels)["reason"]: count for (name, labels), count in told if name == "streams_closed_total"}
    assert closed == server.json("/stats")["streams"]["closed"]
    assert sum(closed.values()) == 1


def test_requests_are_told_by_route_method_and_outcome(server: Server) -> None:
    for target in ("/tree", "/tree?path=/src", "/tree?depth=-1", "/chunk/private", "/private/place"):
        server.get(target)
    assert value(server, "http_requests_total", method="GET", endpoint="/tree", status="2xx") == 2
    assert value(server, "http_requests_total", method="GET", endpoint="/tree", status="4xx") == 1
    assert value(server, "http_requests_total", method="GET", endpoint="/chunk/{hash}", status="4xx") == 1
    assert value(server, "http_requests_total", method="GET", endpoint="other", status="4xx") == 1
    assert value(server, "http_request_seconds_count", endpoint="/tree") == 3
    assert value(server, "http_request_seconds_bucket", endpoint="/tree", le="+Inf") == 3
    assert value(server, "http_request_seconds_sum", endpoint="/tree") > 0


def test_no_label_tells_what_is_served(server: Server, project: Path) -> None:
    for target in ("/tree?path=/src", "/stats?path=/src", "/private", "/chunk/private", "/tree?nonsense=private"):
        server.get(target)
    _, _, body = server.get("/metrics")
    assert b"private" not in body
    assert b"src" not in body
    assert bytes(project) not in body


def test_openmetrics_where_it_is_asked_for(server: Server) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    status, headers, body = server.get("/metrics", Accept=accept)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    names = {family.name for family in read_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert {"smarttree_build", "smarttree_http_requests", "smarttree_process_cpu_seconds"} <= names


def test_before_the_tree_is_there(project: Path) -> None:
    with Server(project, scan=False) as server:
        told = samples(server)
        assert told["ready", frozenset()] == 0
        assert ("tree_files", frozenset()) not in told
        server.begin_scan()
        assert value(server, "ready") == 1


def test_the_specification_has_every_name(server: Server) -> None:
    section = SPEC[SPEC.index("### Figures") : SPEC.index("### The API described")]
    known = set(re.findall(r"`([a-z_]+)(?:\{[a-z,]+\})?`", section))
    told = {re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name) for name, _ in samples(server)}
    assert told <= known
