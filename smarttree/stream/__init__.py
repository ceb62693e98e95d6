"""From a batch to wire bytes and to clients. Pure, but for the hub and the files it is made of, which know asyncio."""
