"""From a batch to wire bytes and to clients. All of it is pure but `hub`, which alone knows asyncio."""
