"""Runs every snippet that the dashboard's pages show, and checks that what it loads is a table, the same for every tool."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

ADDRESS = "http://127.0.0.1:8001"
"""The address of analytics that the snippets ask."""

TOKEN = os.environ.get("ANALYTICS_TOKEN")
"""The token that analytics demands, if it does."""

ENDLESS = "/api/v1/events"
"""The route whose answer is a stream."""

COLUMNS: dict[str, Callable[[Any], list[str]]] = {
    "polars": lambda table: table.columns,
    "pandas": lambda table: list(table.columns),
    "duckdb": lambda table: table.columns,
}


class Page(HTMLParser):
    """The snippets and the links to routes of a page."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.snippets: list[tuple[str, str]] = []
        self.routes: list[str] = []
        self.kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a snippet, or note a link."""
        given = dict(attrs)
        if tag == "code" and (kind := given.get("data-code")):
            self.kind = kind
            self.snippets.append((kind, ""))
        if tag == "a" and (href := given.get("href") or "").startswith("/docs/"):
            self.routes.append(href)

    def handle_endtag(self, tag: str) -> None:
        """End a snippet."""
        if tag == "code":
            self.kind = None

    def handle_data(self, data: str) -> None:
        """Take a snippet's text."""
        if self.kind:
            self.snippets[-1] = (self.kind, self.snippets[-1][1] + data)


def main() -> None:
    """Run everything, and exit with what fails if anything does."""
    dashboard, analytics = (address.rstrip("/") for address in sys.argv[1:3])
    headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    with urlopen(Request(f"{analytics}/api/v1/antennas?limit=1", headers=headers)) as answer:
        antenna = quote(json.load(answer)["antennas"][0]["antenna_id"], safe="")
    pages = ["/", f"/antenna?id={antenna}", "/antennas?status=down&q=a", "/incidents", "/pipeline", "/docs"]
    routes = [f"{href}?{needed(href, antenna)}" for href in page(dashboard, "/docs").routes]
    kinds: set[str] = set()
    ran = 0
    for path in [*pages, *routes]:
        found = page(dashboard, path).snippets
        if not found:
            sys.exit(f"{path} has no snippet")
        columns: dict[str, list[str]] = {}
        for kind, code in found:
            if ADDRESS not in code:
                sys.exit(f"{path}: {code} does not ask {ADDRESS}")
            code = code.replace(ADDRESS, analytics)
            if kind == "python":
                tool, columns[tool] = load(path, code)
                kinds.add(tool)
            elif ENDLESS not in code:
                answered = fetch(path, code)
                kinds.add("curl")
                if "format=csv" in code:
                    columns["curl"] = answered.partition("\n")[0].strip().split(",")
            ran += 1
        if len({tuple(names) for names in columns.values()}) > 1:
            sys.exit(f"{path}: not all have the same columns: {columns}")
    if kinds != {*COLUMNS, "curl"}:
        sys.exit(f"only {kinds} were tried")
    print(f"{ran} snippets of {len(pages) + len(routes)} pages run")


def needed(href: str, antenna: str) -> str:
    """Give the parameter that a route cannot do without."""
    return f"antenna={antenna}" if href.endswith("/readings") else f"id={antenna}" if "%7Bid%7D" in href else ""


def page(dashboard: str, path: str) -> Page:
    """Read a page."""
    found = Page()
    with urlopen(dashboard + path) as answer:
        found.feed(answer.read().decode())
    return found


def load(path: str, code: str) -> tuple[str, list[str]]:
    """Run Python; give the tool that it is for, and the columns of its table."""
    names: dict[str, Any] = {}
    try:
        exec(compile(code, path, "exec"), names)
    except Exception as error:
        sys.exit(f"{path}: {code}\n{error!r}")
    tool = next(tool for tool in COLUMNS if f"import {tool}" in code)
    return tool, list(COLUMNS[tool](names["table"]))


def fetch(path: str, code: str) -> str:
    """Run a command of curl, with a shell, as whoever copies it does."""
    command = shlex.split(code)
    header = ["-H", "Authorization: Bearer $ANALYTICS_TOKEN"] if TOKEN else []
    if command[:-1] != ["curl", "-s", *header]:
        sys.exit(f"{path}: {code} is not a command of curl with one address")
    ran = subprocess.run(["sh", "-c", f"{code} --fail --max-time 10"], capture_output=True, check=False)
    if ran.returncode or not ran.stdout:
        sys.exit(f"{path}: {code}: {ran.returncode} {ran.stderr.decode()}")
    return ran.stdout.decode(errors="replace")


if __name__ == "__main__":
    main()
