"""PySpark in the style of the stack that Vigía replaces.

Each micro-batch goes from XREAD through Python rows, `createDataFrame` with a schema and `agg` to `collect`; only the
sleeps between batches are left out. Cells of batches are merged in Python, where that stack kept its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql.types import DoubleType, LongType, StringType, StructField, StructType

from answer import Sums, Window
from peers.cells import Cells, answer, merge
from peers.spark import cells_of, session
from peers.stream import Entry, main

SCHEMA = StructType(
    [
        StructField("antenna_id", StringType(), nullable=False),
        StructField("timestamp", DoubleType(), nullable=False),
        StructField("packets", LongType(), nullable=False),
        StructField("loss", LongType(), nullable=False),
        StructField("latency", DoubleType(), nullable=True),
    ]
)


class PySpark:
    """Cells are a dictionary."""

    def __init__(self) -> None:
        self._spark = session(arrow=False)

    def aggregate(self, entries: Sequence[Entry]) -> Cells:
        """Add a micro-batch up."""
        readings = self._spark.createDataFrame([_row(fields) for _, fields in entries], SCHEMA)
        rows = cells_of(readings).collect()
        return {(pane, antenna): Sums.of(sums) for pane, antenna, *sums in rows}

    def merge(self, parts: Sequence[Cells]) -> Cells:
        """Add tables up."""
        return merge(parts)

    def answer(self, cells: Cells, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
        """Answer for the window."""
        return answer(cells, window)


def _row(fields: dict[str, str]) -> tuple[str, float, int, int, float | None]:
    latency = fields.get("latency")
    return (
        fields["antenna_id"],
        float(fields["timestamp"]),
        int(fields["packets"]),
        int(fields["loss"]),
        float(latency) if latency else None,
    )


if __name__ == "__main__":
    main(PySpark)
