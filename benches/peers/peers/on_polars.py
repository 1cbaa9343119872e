"""Polars for Python: text columns are cast and grouped in Rust, as in Vigía; the entries are read in Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from answer import PANE_MS, WORST, Sums, Window
from peers.cells import CELL, SUMS
from peers.stream import Entry, columns, main

MERGED = [
    *(pl.col(name).sum() for name in SUMS[:5]),
    pl.col("latency_min").min(),
    pl.col("latency_max").max(),
]


class Polars:
    """Cells are data frames."""

    def aggregate(self, entries: Sequence[Entry]) -> pl.DataFrame:
        """Add a micro-batch up."""
        text = pl.DataFrame(columns(entries), schema_overrides={"latency": pl.String})
        readings = text.select(
            "antenna_id",
            pane=(pl.col("timestamp").cast(pl.Float64) * 1_000 / PANE_MS).floor().cast(pl.Int64) * PANE_MS,
            packets=pl.col("packets").cast(pl.Int64),
            lost=pl.col("loss").cast(pl.Int64),
            latency=pl.col("latency").cast(pl.Float64),
        )
        return readings.group_by(CELL).agg(
            readings=pl.len().cast(pl.Int64),
            packets=pl.col("packets").sum(),
            lost=pl.col("lost").sum(),
            latency_count=pl.col("latency").count().cast(pl.Int64),
            latency_sum=pl.col("latency").sum(),
            latency_min=pl.col("latency").min(),
            latency_max=pl.col("latency").max(),
        )

    def merge(self, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Add tables up."""
        return pl.concat(parts).group_by(CELL).agg(MERGED)

    def answer(self, cells: pl.DataFrame, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
        """Answer for the window."""
        within = cells.filter(pl.col("pane").is_between(window.start_ms, window.end_ms, closed="left"))
        network = within.select(MERGED).row(0)
        antennas = within.group_by("antenna_id").agg(MERGED).filter(pl.col("lost") > 0)
        worst = antennas.sort("lost", "antenna_id", descending=[True, False]).head(WORST)
        return Sums.of(network), [(antenna, Sums.of(sums)) for antenna, *sums in worst.iter_rows()]


if __name__ == "__main__":
    main(Polars)
