"""Cells, and those that are kept in Python: a dictionary, as the stack that Vigía replaces kept its state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from answer import WORST, Sums, Window

CELL = ["pane", "antenna_id"]
"""The key of a cell."""

SUMS = ["readings", "packets", "lost", "latency_count", "latency_sum", "latency_min", "latency_max"]
"""What is kept in a cell, in the order of `Sums`."""

Cells = dict[tuple[int, str], Sums]


def merge(parts: Sequence[Cells]) -> Cells:
    """Add tables up."""
    merged = dict(parts[0])
    for part in parts[1:]:
        for cell, sums in part.items():
            merged[cell] = sums.plus(merged[cell]) if cell in merged else sums
    return merged


def answer(cells: Cells, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
    """Answer for the window."""
    network = Sums.of([0] * len(SUMS))
    antennas: dict[str, Sums] = {}
    for (pane, antenna), sums in cells.items():
        if window.start_ms <= pane < window.end_ms:
            network = network.plus(sums)
            antennas[antenna] = sums.plus(antennas[antenna]) if antenna in antennas else sums
    failing = [(antenna, sums) for antenna, sums in antennas.items() if sums.lost > 0]
    return network, sorted(failing, key=lambda row: (-row[1].lost, row[0]))[:WORST]
