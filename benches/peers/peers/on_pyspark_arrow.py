"""PySpark with Arrow: a micro-batch goes to the JVM and its cells come back as Arrow, without a Python row.

Text is cast in Spark. The few cells of a batch are merged in pandas, which they come back as.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pyspark.sql import functions as f

from peers.on_pandas import Pandas
from peers.spark import cells_of, session
from peers.stream import Entry, columns, main

TYPES = {"antenna_id": "string", "timestamp": "double", "packets": "long", "loss": "long", "latency": "double"}


class PySparkArrow(Pandas):
    """Cells are pandas' data frames, made by Spark."""

    def __init__(self) -> None:
        self._spark = session(arrow=True)

    def aggregate(self, entries: Sequence[Entry]) -> pd.DataFrame:
        """Add a micro-batch up."""
        text = self._spark.createDataFrame(pd.DataFrame(columns(entries), dtype="str"))
        return cells_of(text.select(*(f.col(name).cast(kind) for name, kind in TYPES.items()))).toPandas()


if __name__ == "__main__":
    main(PySparkArrow)
