"""`GET /metrics`: how the server does, for Prometheus. Read when asked for: nothing is counted for its sake alone.

Every name begins with `smarttree_`; no label holds a path, so there are never more of them than the server has parts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

import smarttree
from smarttree.http.keys import HUB, SERVICE
from smarttree.http.measured import BOUNDS_S, Requests
from smarttree.http.params import Query
from smarttree.http.tree import accepted
from smarttree.service import Service
from smarttree.stream.figures import Figures
from smarttree.tree import SERVICE_ID, Totals

OPENMETRICS: Final = "application/openmetrics-text"


class Readings(NamedTuple):
    """What was read for one answer. `totals` are None until the first scan is done."""

    totals: Totals | None
    streams: Figures
    clients: int


class Metrics(Collector):
    """All figures of one application, in a registry of its own. For one loop."""

    def __init__(self, service: Service, requests: Requests, limited: Counter[str]) -> None:
        """`limited`: what was refused, by which limit."""
        self._service, self._requests, self._limited = service, requests, limited
        self._readings = Readings(None, Figures(), 0)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(namespace="smarttree", registry=self._registry)

    def render(self, readings: Readings, *, open_metrics: bool) -> bytes:
        """The answer, in OpenMetrics or in Prometheus' older format."""
        self._readings = readings
        if open_metrics:
            return bytes(generate_openmetrics(self._registry))  # type: ignore[no-untyped-call]
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For the registry, which calls it once an answer."""
        yield InfoMetricFamily("smarttree_build", "What runs.", {"version": smarttree.__version__})
        yield from self._of_tree(self._service, self._readings.totals)
        yield from self._of_log(self._service)
        yield from self._of_streams(self._readings)
        yield from self._of_requests(self._requests)
        refused = CounterMetricFamily("smarttree_limited", "What a limit refused or put off.", labels=["limit"])
        for limit, count in self._limited.items():
            refused.add_metric([limit], count)
        yield refused

    def _of_tree(self, service: Service, totals: Totals | None) -> Iterator[Metric]:
        watching, progress = service.watching, service.progress
        yield gauge("ready", "1 once the tree is there.", service.state == "ready")
        yield gauge("scan_entries", "Entries that the first scan has found so far.", progress.entries)
        yield gauge("scan_seconds", "How long the first scan took, or takes so far.", progress.seconds)
        if totals is not None:
            yield gauge("tree_files", "Entries that are no directory.", totals.files)
            yield gauge("tree_directories", "Directories below the roots.", totals.dirs)
            yield gauge("tree_bytes", "Bytes of all files.", totals.size)
        yield gauge("tree_memory_bytes", "Memory that the tree takes.", service.memory().tree_bytes)
        yield gauge("roots", "Directories that are served.", len(service.rooting.paths))
        yield gauge("problems", "What could not be read: the first thousand.", len(service.problems))
        degraded = GaugeMetricFamily(
            "smarttree_degraded", "1 where /stats says what is not as it should be.", labels=["part"]
        )
        degraded.add_metric(["watcher"], float(bool(watching.degraded)))
        degraded.add_metric(["state"], float(bool(service.keeping.degraded)))
        yield degraded
        yield InfoMetricFamily("smarttree_watcher", "What tells of changes.", {"name": watching.by})

    def _of_log(self, service: Service) -> Iterator[Metric]:
        log, appended = service.log, service.log.appended
        yield gauge("clock_seq", "The newest clock's number in its epoch.", log.head)
        yield counter("batches", "Batches since the start.", appended.batches)
        yield counter("changes", "Changes in them.", appended.changes)
        yield gauge("log_batches", "Batches that a client can resume from.", log.head - log.oldest)
        yield gauge("log_bytes", "Bytes of those.", log.cost_after(log.oldest) or 0)

    def _of_streams(self, readings: Readings) -> Iterator[Metric]:
        streams = readings.streams
        yield gauge("streams_open", "Streams that are open.", readings.clients)
        yield gauge("streams_lagging", "Those that have not got everything.", streams.lagging)
        yield gauge("streams_lag_bytes_max", "How far the worst of them is behind.", streams.lag_bytes)
        yield gauge("streams_lag_seconds_max", "Since when.", streams.lag_s)
        yield counter("streams_sends", "How often something was sent to a stream.", streams.sends)
        yield counter("streams_sent_bytes", "How much.", streams.sent_bytes)
        closed = CounterMetricFamily("smarttree_streams_closed", "Streams that ended, by why.", labels=["reason"])
        for reason, count in streams.closed.items():
            closed.add_metric([reason], count)
        yield closed

    def _of_requests(self, requests: Requests) -> Iterator[Metric]:
        labels = ["method", "endpoint", "status"]
        answered = CounterMetricFamily("smarttree_http_requests", "Requests, by how they were answered.", labels=labels)
        for key, count in requests.answered.items():
            answered.add_metric(list(key), count)
        yield answered
        told = "How long they took; /events apart."
        took = HistogramMetricFamily("smarttree_http_request_seconds", told, labels=["endpoint"])
        for endpoint, durations in requests.durations.items():
            bounds = [*map(str, BOUNDS_S), "+Inf"]
            buckets = [*zip(bounds, map(float, accumulate(durations.counts)), strict=True)]
            took.add_metric([endpoint], buckets, durations.sum_s)
        yield took


METRICS: Final = web.AppKey("metrics", Metrics)


def gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"smarttree_{name}", told, float(value))


def counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"smarttree_{name}", told, float(value))


def totals_now(service: Service) -> Totals | None:
    """Of all roots. The newest batch has them; a copy of the tree is made where there is none. Not for the loop."""
    if service.state != "ready":
        return None
    log, head = service.log, service.log.head
    newest = log.after(head - 1, 1) if log.recent < head else None
    return newest[0].totals if newest else service.view().tree.totals(SERVICE_ID)


async def get_metrics(request: web.Request) -> web.StreamResponse:
    Query(request, ())
    hub = request.app[HUB]
    totals = await asyncio.to_thread(totals_now, request.app[SERVICE])
    readings = Readings(totals, await hub.figures(), hub.client_count)
    wants = OPENMETRICS in accepted(request)
    return web.Response(
        body=request.app[METRICS].render(readings, open_metrics=wants),
        headers={
            "Content-Type": CONTENT_TYPE_LATEST if wants else CONTENT_TYPE_PLAIN_0_0_4,
            "Cache-Control": "no-store",
            "Vary": "Accept",
        },
    )
