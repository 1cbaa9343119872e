"""pandas: columns of text to numbers, `groupby` over pane and antenna."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from answer import PANE_MS, WORST, Sums, Window
from peers.cells import CELL, SUMS
from peers.stream import Entry, columns, main

MERGED = dict.fromkeys(SUMS[:5], "sum") | {"latency_min": "min", "latency_max": "max"}


class Pandas:
    """Cells are data frames."""

    def aggregate(self, entries: Sequence[Entry]) -> pd.DataFrame:
        """Add a micro-batch up."""
        text = columns(entries)
        numbers = {name: pd.to_numeric(pd.Series(text[name])) for name in ("timestamp", "packets", "loss", "latency")}
        readings = pd.DataFrame(
            {
                "pane": (numbers["timestamp"] * 1_000 // PANE_MS).astype("int64") * PANE_MS,
                "antenna_id": text["antenna_id"],
                "packets": numbers["packets"],
                "lost": numbers["loss"],
                "latency": numbers["latency"],
            }
        )
        cells = readings.groupby(CELL, sort=False).agg(
            readings=("packets", "size"),
            packets=("packets", "sum"),
            lost=("lost", "sum"),
            latency_count=("latency", "count"),
            latency_sum=("latency", "sum"),
            latency_min=("latency", "min"),
            latency_max=("latency", "max"),
        )
        return cells.reset_index()

    def merge(self, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Add tables up."""
        return pd.concat(parts).groupby(CELL, sort=False).agg(MERGED).reset_index()

    def answer(self, cells: pd.DataFrame, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
        """Answer for the window."""
        within = cells[(cells["pane"] >= window.start_ms) & (cells["pane"] < window.end_ms)]
        network = within.agg(MERGED)[SUMS]
        antennas = within.groupby("antenna_id", sort=False).agg(MERGED).reset_index()
        antennas = antennas[antennas["lost"] > 0]
        worst = antennas.sort_values(["lost", "antenna_id"], ascending=[False, True]).head(WORST)
        rows = worst[["antenna_id", *SUMS]].itertuples(index=False, name=None)
        return Sums.of(network), [(antenna, Sums.of(sums)) for antenna, *sums in rows]


if __name__ == "__main__":
    main(Pandas)
