"""What the peers share that read files, as they have no source for a Redis stream.

Such a peer is a job that runs by itself and tells its cells as they become known. They are kept here, and the question
is answered from them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answer import PANE_MS, Sums, Window, answer_of
from peers.cells import Cells, answer

COLUMNS = ("antenna_id", "timestamp", "packets", "loss", "seq", "latency")
"""What a line of a file has, separated by commas; the last may be empty."""


@dataclass
class Told:
    """The cells that a job has told so far; of a cell that was told again, the newest counts."""

    cells: Cells = field(default_factory=dict)
    started: float | None = None
    first_result: float | None = None

    def starts(self) -> None:
        """Note that the job is about to ask for its first readings."""
        self.started = time.monotonic()

    def take(self, rows: Iterable[Iterable[Any]]) -> None:
        """Take cells: pane, antenna and sums. After the first of them, the question is answered once."""
        for pane, antenna, *sums in rows:
            self.cells[pane, antenna] = Sums.of(sums)
        if self.first_result is None and self.cells:
            newest = max(pane for pane, _ in self.cells)
            network, _ = answer(self.cells, Window.with_newest(newest + PANE_MS - 1))
            if network.readings == 0:
                sys.exit("the first answer is empty")
            self.first_result = time.monotonic()


def main(job: Callable[[Path, Path, Told], None]) -> None:
    """Run a peer: the job over all files, with a folder for what it keeps on disk; then the answer and the report."""
    parser = argparse.ArgumentParser(description="One peer of the comparison; compare.py starts it.")
    parser.add_argument("--files", type=Path, required=True, help="folder of the readings")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for what a job keeps on disk")
    parser.add_argument("--end-ms", type=int, required=True, help="end of the window to answer for at the end")
    parser.add_argument("--report", type=Path, required=True, help="file to write the report to")
    options = parser.parse_args()
    told = Told()
    job(options.files, options.scratch, told)
    report = {
        "first_batch": told.started,
        "first_result": told.first_result,
        "answer": answer_of(*answer(told.cells, Window.with_newest(options.end_ms - 1))),
        "drained": time.monotonic(),
        "read_seconds": None,
    }
    options.report.write_text(json.dumps(report))
