"""The readings of the comparison, seeded so that every run drains the same ones, and the answer for them.

The expected answer is added up from these columns with NumPy. It never passes through Redis, so a peer that loses,
doubles or misreads an entry differs from it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from answer import PANE_MS, WORST, Answer, Sums, Window, answer_of

ANTENNAS = 1_000
SPAN_MS = 360_000
"""Time over which the readings arrived: longer than the window, so that it has to leave some out."""

SEED = 20_240_117
DELAY_MS = 800
"""How late a reading may arrive after its event, so that panes overlap in the stream."""

NO_LATENCY = -1
"""Stands for an absent latency in the column of microseconds."""

CHUNK = 10_000
"""Entries that are encoded at once."""

Column = NDArray[np.int64]


@dataclass(frozen=True)
class Readings:
    """Columns of readings in the order of the stream."""

    arrival_ms: Column
    event_ms: Column
    antenna: Column
    packets: Column
    loss: Column
    latency_us: Column

    def __len__(self) -> int:
        return len(self.event_ms)

    @property
    def last_id(self) -> str:
        """Id of the last entry."""
        return _entry_id(int(self.arrival_ms[-1]), len(self) - 1)

    def window(self, entries: int) -> Window:
        """Give the window that ends with the newest of the first entries."""
        return Window.with_newest(int(self.event_ms[:entries].max()))

    def answer(self, entries: int) -> Answer:
        """Give the answer after the first entries of the stream, for the window that ends with them."""
        window = self.window(entries)
        event_ms = self.event_ms[:entries]
        rows = np.flatnonzero((event_ms >= window.start_ms) & (event_ms < window.end_ms))
        lost = np.bincount(self.antenna[rows], weights=self.loss[rows], minlength=ANTENNAS)
        # Stable, and antennas are in the order of their ids: ties are in that order too.
        worst = [int(antenna) for antenna in np.argsort(-lost, kind="stable")[:WORST] if lost[antenna] > 0]
        of_antenna = ((antenna, rows[self.antenna[rows] == antenna]) for antenna in worst)
        return answer_of(self._sums(rows), [(antenna_id(antenna), self._sums(its)) for antenna, its in of_antenna])

    def commands(self, stream: str) -> Iterator[bytes]:
        """Encode the XADD of every reading, as Redis reads it from its socket."""
        for start in range(0, len(self), CHUNK):
            rows = self._rows(start, min(start + CHUNK, len(self)))
            yield "".join(_xadd(stream, *row) for row in rows).encode()

    def batches(self, folder: Path, entries: int, batch: int) -> None:
        """Write the first entries to files of so many lines each; the times of the files are in order."""
        for number, start in enumerate(range(0, entries, batch)):
            file = folder / f"{number:06}.csv"
            with file.open("w") as lines:
                lines.writelines(_line(*row) for row in self._rows(start, min(start + batch, entries)))
            os.utime(file, (number, number))

    def shares(self, folder: Path, entries: int, shares: int) -> None:
        """Write the first entries to so many files, in turn, so that all of them go through the whole time."""
        files = [(folder / f"{number:06}.csv").open("w") for number in range(shares)]
        with contextlib.ExitStack() as stack:
            for file in files:
                stack.enter_context(file)
            for start in range(0, entries, CHUNK):
                for index, *row in self._rows(start, min(start + CHUNK, entries)):
                    files[index % shares].write(_line(index, *row))

    def _rows(self, start: int, end: int) -> Iterator[tuple[int, int, int, int, int, int, int]]:
        """Give the number of each reading, and what its columns have."""
        columns = (self.arrival_ms, self.event_ms, self.antenna, self.packets, self.loss, self.latency_us)
        yield from zip(range(start, end), *(column[start:end].tolist() for column in columns), strict=True)

    def _sums(self, rows: Column) -> Sums:
        latency = self.latency_us[rows]
        latency = latency[latency != NO_LATENCY]
        milliseconds = latency / 1_000
        has_latency = len(latency) > 0
        return Sums(
            len(rows),
            int(self.packets[rows].sum()),
            int(self.loss[rows].sum()),
            len(latency),
            float(latency.sum()) / 1_000,
            float(milliseconds.min()) if has_latency else None,
            float(milliseconds.max()) if has_latency else None,
        )


def generate(entries: int, ended_ms: int) -> Readings:
    """Make readings whose last pane ended just before a time; apart from that time, every run has the same."""
    chance = np.random.default_rng(SEED)
    started_ms = ended_ms // PANE_MS * PANE_MS - SPAN_MS
    arrival_ms = started_ms + np.arange(entries, dtype=np.int64) * SPAN_MS // entries
    antenna = chance.integers(0, ANTENNAS, entries)
    packets = chance.integers(50, 151, entries)
    # Most antennas lose one packet in a thousand, some many more.
    loss_rate = 0.001 + 0.3 * chance.beta(0.2, 8.0, ANTENNAS)
    usual_latency_us = chance.gamma(6.0, 5_000.0, ANTENNAS)
    latency_us = (usual_latency_us[antenna] * chance.lognormal(0.0, 0.3, entries)).astype(np.int64)
    latency_us[chance.random(entries) < 0.02] = NO_LATENCY
    return Readings(
        arrival_ms=arrival_ms,
        event_ms=arrival_ms - chance.integers(0, DELAY_MS, entries),
        antenna=antenna,
        packets=packets,
        loss=chance.binomial(packets, loss_rate[antenna]),
        latency_us=latency_us,
    )


def antenna_id(antenna: int) -> str:
    """Name an antenna; the names sort as the numbers do."""
    return f"antenna-{antenna:04}"


def _entry_id(arrival_ms: int, index: int) -> str:
    return f"{arrival_ms}-{index}"


def _xadd(
    stream: str, index: int, arrival_ms: int, event_ms: int, antenna: int, packets: int, loss: int, latency_us: int
) -> str:
    words = [
        "XADD",
        stream,
        _entry_id(arrival_ms, index),
        "antenna_id",
        antenna_id(antenna),
        "timestamp",
        _thousandths(event_ms),
        "packets",
        str(packets),
        "loss",
        str(loss),
        "seq",
        str(index + 1),
    ]
    if latency_us != NO_LATENCY:
        words += ["latency", _thousandths(latency_us)]
    # Everything is ASCII, so characters are bytes.
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)


def _line(index: int, _arrival_ms: int, event_ms: int, antenna: int, packets: int, loss: int, latency_us: int) -> str:
    """Give the same words as a line of a file."""
    latency = "" if latency_us == NO_LATENCY else _thousandths(latency_us)
    return f"{antenna_id(antenna)},{_thousandths(event_ms)},{packets},{loss},{index + 1},{latency}\n"


def _thousandths(number: int) -> str:
    return f"{number // 1_000}.{number % 1_000:03}"
