"""Validates /openapi.json, and what every route answers against the schemas in it.

Each parameter is given every value that its schema names, nothing, and one that no route knows.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]
DOCUMENT = "urn:openapi"
KNOWN = {"id": "antenna-0", "antenna": "antenna-0", "q": "ANTENNA", "receiver": "mail", "site": "north", "box": "-9.5,36,3.4,43.8"}
"""Values of parameters whose schema is any text."""


class Answer(NamedTuple):
    """What a route answers."""

    status: int
    media_type: str
    body: str


def main() -> None:
    """Check every route, and exit with what differs if anything does."""
    address = sys.argv[1].rstrip("/")
    document = json.loads(ask(f"{address}/openapi.json").body)
    validate(document)
    registry = Registry().with_resource(DOCUMENT, Resource.from_contents(document, DRAFT202012))
    asked = 0
    for path, item in document["paths"].items():
        operation = item["get"]
        parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
        in_path = {name for name, parameter in parameters.items() if parameter["in"] == "path"}
        needed = {name: KNOWN[name] for name, parameter in parameters.items() if parameter.get("required")}
        for given, expected in queries(parameters, needed):
            query = urllib.parse.urlencode({name: value for name, value in given.items() if name not in in_path})
            url = f"{path.format_map(given)}?{query}"
            answer = ask(address + url)
            asked += 1
            if expected is not None and (answer.status == 400) != (expected == 400):
                sys.exit(f"{url}: {answer.status}, where the description says {expected}: {answer.body[:300]}")
            check(url, path, operation["responses"], answer, registry)
    print(f"{asked} answers are as the description says")


def queries(parameters: dict[str, Json], needed: dict[str, str]) -> Iterator[tuple[dict[str, str], int | None]]:
    """Give what to ask, with the status that it has to have if that is certain."""
    yield needed, 200
    yield needed | {"unknown": "1"}, 400
    for name, parameter in parameters.items():
        schema = parameter["schema"]
        for value in values(name, schema):
            # Two values of which each is right may not go together: a short step in a long window, say.
            yield needed | {name: value}, None
        if parameter["in"] == "query":
            takes_nothing = Draft202012Validator(schema).is_valid("")
            yield needed | {name: ""}, 200 if takes_nothing else 400


def values(name: str, schema: Json) -> list[str]:
    """Give the values that a schema names."""
    if schema["type"] == "array":
        of_items = values(name, schema["items"])
        return [*of_items, ",".join(of_items)]
    if schema["type"] == "boolean":
        return ["true", "false"]
    named = [*schema.get("enum", []), *schema.get("examples", [])]
    named += [schema[bound] for bound in ("default", "minimum", "maximum") if schema.get(bound) is not None]
    return [str(value) for value in named] or [KNOWN[name]]


def check(url: str, path: str, responses: Json, answer: Answer, registry: Registry) -> None:
    """Compare an answer with its schema."""
    status = next((it for it in (str(answer.status), f"{answer.status // 100}XX") if it in responses), None)
    if status is None or answer.media_type not in responses[status].get("content", {}):
        sys.exit(f"{url}: {answer.status} with {answer.media_type} is not described")
    place = "/".join(escaped(it) for it in ("paths", path, "get", "responses", status, "content", answer.media_type))
    if "schema" not in responses[status]["content"][answer.media_type]:
        return
    schema = {"$ref": f"{DOCUMENT}#/{place}/schema"}
    value: Any = answer.body
    if answer.media_type in ("application/json", "text/event-stream"):
        value = json.loads(answer.body)
        if path != "/openapi.json":
            schema["unevaluatedProperties"] = False
    for error in Draft202012Validator(schema, registry=registry).iter_errors(value):
        sys.exit(f"{url}: {error.json_path}: {error.message[:300]}")


def escaped(part: str) -> str:
    """Write a name as a part of a JSON pointer in a URI."""
    return urllib.parse.quote(part.replace("~", "~0").replace("/", "~1"), safe="~")


def ask(url: str) -> Answer:
    """Ask for a route's answer; of a stream, for the data of its first event."""
    try:
        response = urllib.request.urlopen(url, timeout=10)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        media_type = response.headers.get_content_type()
        if media_type == "text/event-stream":
            lines = iter(lambda: response.readline().decode().strip(), "")
            body = "".join(line.removeprefix("data:") for line in lines if line.startswith("data:"))
        else:
            body = response.read().decode(errors="replace")
        return Answer(response.status, media_type, body)


if __name__ == "__main__":
    main()
