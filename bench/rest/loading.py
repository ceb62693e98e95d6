"""wrk at work: as many requests as a server answers, over connections that stay, and what the server spent on them.

Law: an answer that is no 200, a connection that failed, or a body of another size is no figure: `load` raises for it.
"""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

from bench.fanout.serving import NotServedError, Serving

_REQUESTS = re.compile(r"(\d+) requests in ([\d.]+)(us|ms|s|m),")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_UNWANTED = re.compile(r"(Socket errors: .+|Non-2xx or 3xx responses: .+)")


class Loaded(NamedTuple):
    """`cpu_us`: the server's processor time for each request."""

    requests: int
    per_second: float
    cpu_us: float


def read(told: str) -> tuple[int, float]:
    """Requests, and requests a second, from what wrk prints. Raises NotServedError."""
    requests, rate, unwanted = _REQUESTS.search(told), _RATE.search(told), _UNWANTED.search(told)
    if unwanted is not None:
        raise NotServedError(f"wrk: {unwanted[1]}")
    if requests is None or rate is None or not int(requests[1]):
        raise NotServedError(f"wrk: {told[-200:]!r}")
    return int(requests[1]), float(rate[1])


def load(wrk: str, serving: Serving, url: str, accept: str, *, connections: int, seconds: float) -> Loaded:
    """One thread of wrk against a server, after a moment in which it gets warm."""
    command = [wrk, "-t1", f"-c{connections}", "-H", f"Accept: {accept}"]
    subprocess.run([*command, "-d1", url], check=True, stdout=subprocess.DEVNULL)
    before_s = serving.cpu_s()
    told = subprocess.run([*command, f"-d{max(1, round(seconds))}", url], check=True, capture_output=True, text=True)
    spent_s = serving.cpu_s() - before_s
    requests, per_second = read(told.stdout)
    return Loaded(requests, per_second, spent_s * 1e6 / requests)
