"""Spark's structured streaming: a stateful query over files, a micro-batch a file.

It keeps the cells itself, in its state store with a checkpoint after each batch, and tells those that a batch has
changed.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from answer import PANE_MS
from peers.cells import CELL, SUMS
from peers.files import Told, main
from peers.spark import session, sums

SCHEMA = "antenna_id string, timestamp double, packets long, loss long, seq long, latency double"

KEPT = "1 minute"
"""How far behind the newest reading a cell is kept; readings are at most a second late."""


def job(files: Path, scratch: Path, told: Told) -> None:
    """Run the query until it has read every file."""
    spark = session(arrow=False)
    event = f.timestamp_millis(f.floor(f.col("timestamp") * 1_000))
    pane = f.window("event", f"{PANE_MS} milliseconds")
    readings = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).csv(str(files))
    cells = readings.withColumn("event", event).withWatermark("event", KEPT).groupBy(pane, "antenna_id").agg(*sums())
    cells = cells.withColumn("pane", f.unix_millis("window.start")).select(*CELL, *SUMS)

    def take(changed: DataFrame, _number: int) -> None:
        told.take(changed.collect())

    writer = cells.writeStream.outputMode("update").foreachBatch(take).trigger(availableNow=True)
    told.starts()
    writer.option("checkpointLocation", str(scratch / "checkpoint")).start().awaitTermination()


if __name__ == "__main__":
    main(job)
