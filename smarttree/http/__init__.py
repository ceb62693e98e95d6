"""The HTTP face: one endpoint a file. The only package that knows aiohttp; `app` wires it."""
