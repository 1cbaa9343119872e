"""Runs the Python blocks of docs/history.md on the files of an archive, and compares what every engine answers with the API.

The blocks before the first engine's section belong to all of them. Within a section, blocks are run one after the other, and have to
leave `availability`, `worst` and `p95`.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from check import ADDRESS, Block, blocks, run

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "history.md"
ARCHIVE = "/var/lib/vigia/archive"
"""The archive that the document's examples read."""
WEEK = '("2026-11-09T00:00Z", "2026-11-16T00:00Z")'
DAYS = '("2026-11-14T00:00Z", "2026-11-16T00:00Z")'
"""Their ranges."""
CHAPTER = "Other engines"
ENGINES = ["DuckDB", "Polars", "pandas"]
"""The sections that are run unless one is named."""


def main() -> None:
    """Run every engine's section, and exit with what differs if anything does."""
    address, archive = sys.argv[1].rstrip("/"), sys.argv[2]
    engines = sys.argv[3:] or ENGINES
    history = ask(address, "summary")["limits"]["history"]
    oldest, until = (datetime.fromisoformat(history[name]) for name in ("oldest", "until"))
    # All that is in files, and one full day of it: of a single day, the hours of the day are a series.
    midnight = (oldest + timedelta(days=2)).replace(hour=0, minute=0)
    ranges = {WEEK: (oldest, until), DAYS: (midnight, midnight + timedelta(days=1))}
    expected = {
        "availability": availability(address, oldest, until),
        "worst": worst(address, *ranges[WEEK]),
        "p95": p95(address, *ranges[DAYS]),
    }
    if len(expected["availability"]) < 2 or len(expected["worst"]) < 10 or len(expected["p95"]) < 24:
        sys.exit(f"there is too little to compare: {expected}")
    document = DOCUMENT.read_text()
    replaced = {ARCHIVE: archive, ADDRESS: address} | {
        told: repr(tuple(time.isoformat() for time in range_)) for told, range_ in ranges.items()
    }
    for told, wanted in replaced.items():
        if told not in document:
            sys.exit(f"{DOCUMENT.name} does not say {told}")
    found = [block for block in blocks(document) if block.section[0] == CHAPTER]
    for engine in engines:
        answer(engine, found, replaced, expected)
    print(f"all answer as the API does: {expected}")


def answer(engine: str, found: list[Block], replaced: dict[str, str], expected: dict[str, Any]) -> None:
    """Run an engine's section, and exit with what differs if anything does."""
    shared = [block for block in found if block.section[1:] == ()]
    own = [block for block in found if block.section[1:] == (engine,)]
    if len(own) != 4:
        sys.exit(f"{DOCUMENT.name} has {len(own)} blocks of Python for {engine}, and not four")
    names: dict[str, Any] = {"__name__": engine}
    for block in [*shared, *own]:
        run(block, DOCUMENT, replaced, names)
    for question, rows in expected.items():
        if not is_equal(names[question], rows):
            sys.exit(f"{engine} says of {question}\n{names[question]}\nand the API\n{rows}")
    print(f"{engine}: {len(own)} blocks run")


def availability(address: str, oldest: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Ask for the availability of each month that is in files."""
    rows, month = [], oldest.replace(day=1, hour=0, minute=0)
    while month < until:
        following = (month + timedelta(days=32)).replace(day=1)
        summary = ask(address, "summary", max(month, oldest), min(following, until))
        rows.append((month.replace(tzinfo=None), summary["availability"]))
        month = following
    return rows


def worst(address: str, begin: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """Ask for the worst antennas."""
    names = ("antenna_id", "packets_lost", "packets_sent", "success_rate")
    antennas = ask(address, "worst", begin, end)["antennas"]
    return [tuple(antenna[name] for name in names) for antenna in antennas]


def p95(address: str, begin: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """Ask for the 95th percentile of each hour of a day."""
    points = ask(address, "series", begin, end, step="1h")["points"]
    of_point = ((datetime.fromisoformat(point["start"]).hour, point["latency_ms"]["p95"]) for point in points)
    return [(hour, latency_ms) for hour, latency_ms in of_point if latency_ms is not None]


def ask(address: str, route: str, begin: datetime | None = None, end: datetime | None = None, **more: str) -> Any:
    """Ask the API, of a range if there is one, and check that the answer is of that range."""
    query = dict(more)
    if begin is not None and end is not None:
        query |= {"window": f"{round((end - begin).total_seconds())}s", "end": end.astimezone(UTC).isoformat()}
    parameters = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    with urlopen(f"{address}/api/v1/{route}?{parameters}") as response:
        answer = json.load(response)
    if begin is not None:
        window = {name: datetime.fromisoformat(answer["window"][name]) for name in ("start", "end")}
        if window != {"start": begin, "end": end} or answer.get("gaps"):
            sys.exit(f"{route} is about {window}, and was asked about {begin} to {end}: {answer.get('gaps')}")
    return answer


def is_equal(found: Any, expected: list[tuple[Any, ...]]) -> bool:
    """Compare rows: counts and texts have to be equal, floats but for the last digits, as sums have no order."""
    rows = [tuple(map(plain, row)) for row in found]
    if [len(row) for row in rows] != [len(row) for row in expected]:
        return False
    pairs = [pair for row, wanted in zip(rows, expected, strict=True) for pair in zip(row, wanted, strict=True)]
    return all(
        math.isclose(value, wanted, rel_tol=1e-12)
        if isinstance(value, float) and isinstance(wanted, float)
        else value == wanted
        for value, wanted in pairs
    )


def plain(value: Any) -> Any:
    """Give a value of an engine as one of Python; times without a zone are in UTC."""
    value = value.item() if hasattr(value, "item") else value
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    # The document's blocks write a file.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        main()
