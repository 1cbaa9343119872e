"""What all peers share: they drain the stream in micro-batches, keep cells, and answer for the window.

A cell is what is kept of one pane and antenna. An engine says how readings become cells, how cells merge and how they
answer; everything else, the reading included, is the same code for all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence, Sized
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import redis

from answer import Sums, Window, answer_of

Entry = tuple[str, dict[str, str]]
"""Id and fields, as redis-py gives them."""

SOCKET_SECONDS = 60.0

Cells = TypeVar("Cells", bound=Sized)


class Engine(Protocol[Cells]):
    """How one peer adds readings up."""

    def aggregate(self, entries: Sequence[Entry]) -> Cells:
        """Add a micro-batch up by pane and antenna."""

    def merge(self, parts: Sequence[Cells]) -> Cells:
        """Add tables of cells up to one, in which each cell is a single row."""

    def answer(self, cells: Cells, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
        """Give the window's sums, and those of its ten worst antennas by packets lost, ties by id."""


class Kept(Generic[Cells]):
    """The cells so far: one merged table, and those of the batches since.

    They are merged when the new rows outnumber the merged ones. So a row is merged a few times, not once a batch,
    and what is kept stays within twice the cells.
    """

    def __init__(self, engine: Engine[Cells]) -> None:
        self._engine = engine
        self._parts: list[Cells] = []

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, cells: Cells) -> None:
        """Take the cells of a batch."""
        self._parts.append(cells)
        if len(self) > 2 * len(self._parts[0]):
            self.merged()

    def merged(self) -> Cells:
        """Give all as one table."""
        if len(self._parts) > 1:
            self._parts = [self._engine.merge(self._parts)]
        return self._parts[0]


def columns(entries: Sequence[Entry]) -> dict[str, list[str | None]]:
    """Turn entries into columns of unparsed text; engines cast whole columns."""
    rows = [fields for _, fields in entries]
    names = ("antenna_id", "timestamp", "packets", "loss", "latency")
    return {name: [fields.get(name) for fields in rows] for name in names}


def main(engine: Callable[[], Engine[Cells]]) -> None:
    """Run a peer: drain, answer, and write the report for the comparison."""
    options = _options()
    report = _drain(engine(), options)
    Path(options.report).write_text(json.dumps(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One peer of the comparison; compare.py starts it.")
    parser.add_argument("--port", type=int, required=True, help="port of the Redis server")
    parser.add_argument("--stream", required=True, help="name of the stream")
    parser.add_argument("--entries", type=int, required=True, help="entries to drain")
    parser.add_argument("--batch", type=int, required=True, help="most entries of a micro-batch")
    parser.add_argument("--end-ms", type=int, required=True, help="end of the window to answer for at the end")
    parser.add_argument("--report", required=True, help="file to write the report to")
    return parser.parse_args()


def _drain(engine: Engine[Cells], options: argparse.Namespace) -> dict[str, object]:
    """Drain the first entries. Times are of the monotonic clock, which all processes of a machine share."""
    client = redis.Redis(port=options.port, protocol=2, decode_responses=True, socket_timeout=SOCKET_SECONDS)
    kept = Kept(engine)
    cursor, left = "0", options.entries
    read_seconds = 0.0
    first_batch = time.monotonic()
    first_result = None
    while left > 0:
        asked = time.monotonic()
        reply: Any = client.xread({options.stream: cursor}, count=min(options.batch, left))
        read_seconds += time.monotonic() - asked
        if not reply:
            sys.exit(f"the stream ended {left} entries early")
        entries: list[Entry] = reply[0][1]
        cursor, left = entries[-1][0], left - len(entries)
        kept.add(engine.aggregate(entries))
        if first_result is None:
            newest_ms = max(int(float(fields["timestamp"]) * 1_000) for _, fields in entries)
            network, _ = engine.answer(kept.merged(), Window.with_newest(newest_ms))
            if network.readings == 0:
                sys.exit("the first answer is empty")
            first_result = time.monotonic()
    answer = answer_of(*engine.answer(kept.merged(), Window.with_newest(options.end_ms - 1)))
    return {
        "first_batch": first_batch,
        "first_result": first_result,
        "drained": time.monotonic(),
        "read_seconds": read_seconds,
        "answer": answer,
    }
