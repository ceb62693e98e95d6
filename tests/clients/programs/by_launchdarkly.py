"""`python by_launchdarkly.py URL`: what the package `launchdarkly-eventsource` is told, one JSON object a line.

It is the package's asynchronous client: the other one waits, where there are no chunks, for ten thousand bytes before
it hands any on, as does whatever reads by urllib3's `stream`.
"""

from __future__ import annotations

import asyncio
import json
import sys

from ld_eventsource.actions import Event, Fault
from ld_eventsource.async_client import AsyncSSEClient
from ld_eventsource.config import ErrorStrategy, RetryDelayStrategy
from ld_eventsource.config.async_connect_strategy import AsyncConnectStrategy

RETRY_S = 0.2


async def main() -> None:
    client = AsyncSSEClient(
        AsyncConnectStrategy.http(sys.argv[1]),
        initial_retry_delay=RETRY_S,
        retry_delay_strategy=RetryDelayStrategy.default(backoff_multiplier=1),
        error_strategy=ErrorStrategy.always_continue(),
    )
    async for told in client.all:
        if isinstance(told, Event):
            print(json.dumps({"event": told.event, "data": told.data, "id": told.last_event_id}), flush=True)
        elif isinstance(told, Fault):
            print(json.dumps({"lost": str(told.error)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
