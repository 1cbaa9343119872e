"""The answer that every peer gives, in the shape of Vigía's API, and how two answers are compared.

Percentiles are left out: Vigía keeps them within a bound of relative error from a sketch, the others would have to keep
every reading to tell them at all. Comparing the two would compare different work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PANE_MS = 5_000
"""Width of a pane, the finest window."""

WINDOW_MS = 300_000
"""Length of the window that is asked for: the API's default of 5 minutes."""

WORST = 10
"""Antennas in the list of the worst."""

TOLERANCE = 1e-9
"""Relative difference allowed between floats: sums in another order round differently."""

Answer = dict[str, Any]
"""`summary` and `worst`, named as in `/api/v1/summary` and `/api/v1/worst`."""


@dataclass(frozen=True)
class Window:
    """The panes of `[start_ms, end_ms)`, in Unix milliseconds."""

    start_ms: int
    end_ms: int

    @classmethod
    def with_newest(cls, event_ms: int) -> Window:
        """Give the window whose last pane holds the newest event."""
        end_ms = (event_ms // PANE_MS + 1) * PANE_MS
        return cls(end_ms - WINDOW_MS, end_ms)


@dataclass(frozen=True)
class Sums:
    """What is kept of the readings of one cell or of many; can be added up without the readings."""

    readings: int
    packets: int
    lost: int
    latency_count: int
    latency_sum: float
    latency_min: float | None
    latency_max: float | None

    @classmethod
    def of(cls, row: Iterable[Any]) -> Sums:
        """Read a row from any engine: with its own number types, and null or NaN if there is no latency."""
        readings, packets, lost, count, total, smallest, largest = row
        if not count:
            return cls(int(readings or 0), int(packets or 0), int(lost or 0), 0, 0.0, None, None)
        return cls(int(readings), int(packets), int(lost), int(count), float(total), float(smallest), float(largest))

    def plus(self, other: Sums) -> Sums:
        """Add the readings of both."""
        return Sums(
            self.readings + other.readings,
            self.packets + other.packets,
            self.lost + other.lost,
            self.latency_count + other.latency_count,
            self.latency_sum + other.latency_sum,
            min((x for x in (self.latency_min, other.latency_min) if x is not None), default=None),
            max((x for x in (self.latency_max, other.latency_max) if x is not None), default=None),
        )

    def measures(self) -> dict[str, Any]:
        """Give what the API says of these readings."""
        delivered = self.packets - self.lost
        return {
            "readings": self.readings,
            "packets_sent": self.packets,
            "packets_delivered": delivered,
            "packets_lost": self.lost,
            "success_rate": delivered / self.packets if self.packets else None,
            "latency_ms": {
                "mean": self.latency_sum / self.latency_count if self.latency_count else None,
                "min": self.latency_min,
                "max": self.latency_max,
            },
        }


def answer_of(network: Sums, worst: Iterable[tuple[str, Sums]]) -> Answer:
    """Give the answer for the whole network and its worst antennas, worst first."""
    return {
        "summary": network.measures(),
        "worst": [{"antenna_id": antenna} | sums.measures() for antenna, sums in worst],
    }


def differences(expected: object, got: object, path: str = "answer") -> Iterator[str]:
    """Name every field of the expected answer that the other lacks or has a different value for; more are allowed."""
    match expected, got:
        case dict(), dict():
            for name, value in expected.items():
                yield from differences(value, got.get(name, "nothing"), f"{path}.{name}")
        case list(), list() if len(expected) == len(got):
            for index, (value, other) in enumerate(zip(expected, got, strict=True)):
                yield from differences(value, other, f"{path}[{index}]")
        case list(), list():
            yield f"{path}: {len(expected)} rows expected, {len(got)} found"
        case float(), float() | int() if math.isclose(expected, got, rel_tol=TOLERANCE):
            return
        case _ if expected != got:
            yield f"{path}: {expected!r} expected, {got!r} found"
