"""What descriptions are made of: OpenAPI 3.1 as plain values. Pure; an endpoint's file says what, this says how."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from smarttree.http.described.codes import ALWAYS, CODES, GUARDED, RATED
from smarttree.http.params import FIELDS_MAX
from smarttree.wire import MEDIA_TYPE_QTN

Json = dict[str, Any]

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
BINARY: Final[Json] = {"type": "string", "contentMediaType": MEDIA_TYPE_QTN}


# ---------------------------------------------------------------- schemas


def obj(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None, **more: Any) -> Json:
    """An object. Others may come to have more fields, so it is left open; the tests close it."""
    return {"type": "object", "required": [*required], "properties": {**required, **(optional or {})}, **more}


def array(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


def text(description: str = "", **more: Any) -> Json:
    return {"type": "string", **_described(description), **more}


def whole(description: str = "", low: int | None = 0, **more: Any) -> Json:
    """A whole number, not negative unless `low` says otherwise."""
    return {"type": "integer", **({} if low is None else {"minimum": low}), **_described(description), **more}


def real(description: str = "") -> Json:
    return {"type": "number", "minimum": 0, **_described(description)}


def flag(description: str = "") -> Json:
    return {"type": "boolean", **_described(description)}


def or_null(schema: Json) -> Json:
    return {**schema, "type": [schema["type"], "null"]}


def word(*words: str) -> Json:
    return {"type": "string", "enum": [*words]}


def ref(name: str) -> Json:
    """A schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def bytes_of(field: str) -> dict[str, Json]:
    """The optional field beside a path or name that is not UTF-8."""
    told = f"the bytes of `{field}`, where they are not UTF-8; it has U+FFFD then"
    return {f"{field}_b64": text(told, contentEncoding="base64")}


def _described(description: str) -> Json:
    return {"description": description} if description else {}


# ---------------------------------------------------------------- parameters


def query(name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def one_of_each(name: str, description: str, words: tuple[str, ...]) -> Json:
    """Words by commas. The parameter may be repeated as well."""
    return query(name, description, array(word(*words), minItems=1), style="form", explode=False)


def path_parameter(description: str, **more: Any) -> Json:
    return query("path", description, ref("Path"), **more)


SYNC: Final = query(
    "sync",
    "`1`: answer after everything that happened on disk before, and handed to every stream",
    {**word("0", "1", "false", "true"), "default": "0"},
)


# ---------------------------------------------------------------- answers


def header(description: str, schema: Json | None = None, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema or {"type": "string"}}


CLOCK_HEADER: Final = {"X-Smarttree-Clock": header("the clock of the answer", ref("Clock"))}
CACHE_HEADER: Final = {"Cache-Control": header("whether it may be kept")}


def answer(description: str, content: Mapping[str, Json], headers: Mapping[str, Json] | None = None) -> Json:
    return {
        "description": description,
        "headers": {**CACHE_HEADER, **(headers or {})},
        "content": {media: {"schema": schema} for media, schema in content.items()},
    }


def json_answer(description: str, schema: Json, headers: Mapping[str, Json] | None = None) -> Json:
    return answer(description, {JSON: schema}, headers)


def stored(description: str, content: Mapping[str, Json], headers: Mapping[str, Json], *, always: bool = True) -> Json:
    """The answers of what is stored: all of it, nothing where the client has it, or a part. `always`: nothing else is
    answered there, so that each answer has an entity tag.
    """
    tag = {"type": "string", "pattern": '^".*"$'}
    tagged = {**headers, "ETag": header("names the bytes; strong", tag, required=always)}
    ranges = {**tagged, "Accept-Ranges": header("always", {"const": "bytes"}, required=always)}
    part = {**ranges, "Content-Range": header("which bytes, and of how many")}
    return {
        "200": answer(description, content, ranges),
        # Without a schema: a part of a document is none.
        "206": {**answer("The bytes that `Range` asks for.", {}, part), "content": {media: {} for media in content}},
        "304": {"description": "`If-None-Match` names these bytes.", "headers": tagged},
    }


def problems(*codes: str, guarded: bool = True, rated: bool = True) -> Json:
    """The problem documents that can come, by status; those that always can among them."""
    by_status: dict[int, list[str]] = {}
    always = (*ALWAYS, *(GUARDED if guarded else ()), *(RATED if guarded and rated else ()))
    for code in dict.fromkeys((*always, *codes)):
        by_status.setdefault(CODES[code].status, []).append(code)
    return {str(status): problem_answer(status, by_status[status]) for status in sorted(by_status)}


def problem_answer(status: int, codes: list[str]) -> Json:
    return {
        "description": ". ".join(f"`{code}`: {CODES[code].meaning}" for code in codes) + ".",
        **({"headers": {"Retry-After": header("in how many seconds", required=False)}} if status in (429, 503) else {}),
        "content": {PROBLEM: {"schema": problem_schema(status, codes)}},
    }


def problem_schema(status: int | None, codes: list[str]) -> Json:
    """A problem document; of one status, or, with None, of any."""
    required = {
        "type": {"const": "about:blank"},
        "title": {"const": HTTPStatus(status).phrase} if status else text(),
        "status": {"const": status} if status else whole(low=400, maximum=599),
        "code": {**word(*codes), "description": "stable: compare this"},
        "detail": text("for a person: what was wrong, and what to do about it", minLength=1),
    }
    optional = {"progress": ref("Progress")} if "not-ready" in codes else {}
    return obj(required, {**optional, **({"clock": ref("Clock")} if "unknown-clock" in codes else {})})


CONDITIONS: Final = [
    {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
    for name, description in (
        ("If-None-Match", "entity tags: where one is that of the answer, it is 304"),
        ("If-Match", "entity tags: where none is that of the answer, it is 412"),
        ("Range", "`bytes=FIRST-LAST`: only these bytes, 206; more than one range, or another unit: everything"),
        ("If-Range", "an entity tag: `Range` counts only if it is that of the answer"),
    )
]


def operation(name: str, summary: str, parameters: list[Json], responses: Json, **more: Any) -> Json:
    """One method of one path. `more`: `description`, `requestBody`, `tags`."""
    told = f"There is no other parameter, and {FIELDS_MAX} may be given at most."
    more["description"] = " ".join(filter(None, (more.get("description"), told)))
    return {"operationId": name, "summary": summary, **more, "parameters": parameters, "responses": responses}
