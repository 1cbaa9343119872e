"""What the Spark peers use: the session, and the aggregation."""

from __future__ import annotations

import os

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from answer import PANE_MS
from peers.cells import CELL, SUMS


def session(*, arrow: bool) -> SparkSession:
    """Start Spark in this process and its JVM, on all cores, reachable over loopback only.

    Its page is off and it shuffles into a partition a core, as fits small batches: with the default of 200 partitions
    all of them would be slower.
    """
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": str(len(os.sched_getaffinity(0))),
        "spark.sql.execution.arrow.pyspark.enabled": str(arrow).lower(),
    }
    builder = SparkSession.builder.master("local[*]").appName("peer")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def cells_of(readings: DataFrame) -> DataFrame:
    """Add readings up by pane and antenna: the key of a cell, then its sums."""
    pane = f.floor(f.col("timestamp") * 1_000 / PANE_MS) * PANE_MS
    return readings.groupBy(pane.alias("pane"), "antenna_id").agg(*sums()).select(*CELL, *SUMS)


def sums() -> list[Column]:
    """Give what is kept of the readings of a cell."""
    return [
        f.count("*").alias("readings"),
        f.sum("packets").alias("packets"),
        f.sum("loss").alias("lost"),
        f.count("latency").alias("latency_count"),
        f.sum("latency").alias("latency_sum"),
        f.min("latency").alias("latency_min"),
        f.max("latency").alias("latency_max"),
    ]
