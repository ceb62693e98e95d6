"""The description of the API as a page to read: HTML and one style sheet, no script, everything escaped. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; --faint: color-mix(in srgb, currentColor 12%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.875em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; background: var(--faint); border-radius: 0.25rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
td, th { border-top: 1px solid var(--faint); }
h2 { margin-top: 2.5rem; border-bottom: 2px solid var(--faint); }
summary { cursor: pointer; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# Nothing is loaded from anywhere, nothing runs, and nobody may show it in a frame.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_METHODS: Final = ("get", "post", "put", "patch", "delete")


def render(described: Json) -> bytes:
    """The page. `described` is OpenAPI 3.1 as `smarttree.http.described` makes it."""
    return "\n".join(_page(described)).encode()


def _page(described: Json) -> Iterator[str]:
    about = described["info"]
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    title = escape(f"{about['title']} {about['version']}")
    yield f"<title>{title}: the API</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    yield from (f"<p>{_prose(part)}</p>" for part in about["description"].split("\n\n"))
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>, OpenAPI 3.1.</p><ul>'
    for path, method, operation in _operations(described):
        link = f'<a href="#{_anchor(operation)}"><code>{_named(method, path)}</code></a>'
        yield f"<li>{link} {_prose(operation['summary'])}</li>"
    yield "</ul>"
    for path, method, operation in _operations(described):
        yield from _operation(path, method, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in described["components"]["schemas"].items():
        yield f'<h3 id="schema-{escape(name)}">{escape(name)}</h3>'
        yield from _schema(schema)
    yield "</body></html>"


def _operations(described: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in described["paths"].items():
        yield from ((path, method, methods[method]) for method in _METHODS if method in methods)


def _operation(path: str, method: str, operation: Json) -> Iterator[str]:
    yield f'<h2 id="{_anchor(operation)}"><code>{_named(method, path)}</code></h2>'
    yield f"<p><b>{_prose(operation['summary'])}.</b> {_prose(operation.get('description', ''))}</p>"
    if operation["parameters"]:
        yield "<table><tr><th>parameter</th><th>in</th><th>is</th><th>value</th></tr>"
        for each in operation["parameters"]:
            cells = (
                f"<code>{escape(each['name'])}</code>",
                each["in"],
                _prose(each["description"]),
                _type(each["schema"]),
            )
            yield _row(*cells)
        yield "</table>"
    if "requestBody" in operation:
        yield "<h3>Body</h3>"
        for media, content in operation["requestBody"]["content"].items():
            yield f"<p><code>{escape(media)}</code></p>"
            yield from _schema(content["schema"])
    yield "<h3>Answers</h3><table><tr><th>status</th><th>is</th><th>type</th></tr>"
    for status, answer in operation["responses"].items():
        types = (_content(media, content) for media, content in answer.get("content", {}).items())
        yield _row(f"<code>{escape(status)}</code>", _prose(answer["description"]), "<br>".join(types))
    yield "</table>"


def _content(media: str, content: Json) -> str:
    """A media type and what it holds. A problem is always the same."""
    told = _type(content["schema"]) if content and media != "application/problem+json" else ""
    events = (f"<code>{escape(name)}</code> {_type(schema)}" for name, schema in content.get("x-events", {}).items())
    return "<br>".join([f"<code>{escape(media)}</code> {told}", *events])


def _schema(schema: Json) -> Iterator[str]:
    if "description" in schema:
        yield f"<p>{_prose(schema['description'])}</p>"
    if "properties" not in schema:
        yield f"<p>{_type(schema)}</p>"
        return
    yield "<table><tr><th>field</th><th>is</th><th>value</th></tr>"
    for name, each in schema["properties"].items():
        always = "" if name in schema["required"] else " <i>(if any)</i>"
        yield _row(f"<code>{escape(name)}</code>{always}", _prose(each.get("description", "")), _type(each))
    yield "</table>"


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words; one that has a name is a link."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        told = ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
        return told + (f"; default <code>{escape(str(schema['default']))}</code>" if "default" in schema else "")
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "properties" in schema:
        fields = (f"<code>{escape(name)}</code> {_type(each)}" for name, each in schema["properties"].items())
        return f"<details><summary>object</summary>{'<br>'.join(fields)}</details>"
    if "contentMediaType" in schema:
        return "bytes"
    kinds = schema.get("type", "any")
    told = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        told += f", {low} to {high}" if high is not None else f", {low} or more"
    return told + (f" <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else "")


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _named(method: str, path: str) -> str:
    return escape(f"{method.upper()} {path}")


def _anchor(operation: Json) -> str:
    return escape(operation["operationId"])


def _prose(text: str) -> str:
    """Text with `code` in it."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
