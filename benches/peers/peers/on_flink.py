"""PyFlink: SQL from files to files, in streaming mode, with windows of event time.

Everything runs in the JVM of a local cluster with a slot for each core. A cell is written when the watermark has passed
the end of its pane, and its file is there with the next checkpoint; Python takes the cells from there. Collecting them
row by row through Python's gateway would take most of the time.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

from answer import PANE_MS
from peers.cells import CELL, SUMS
from peers.files import Told, main

CHECKPOINT = "1 s"
"""How often what was read is made to last and what was written to be seen; Vigía commits as often."""

PAUSE_SECONDS = 0.02
"""Time between two looks at what was written."""

LATE_SECONDS = 1
"""A reading is at most so late."""

READINGS = f"""
    CREATE TABLE readings (
        antenna_id STRING, `timestamp` DOUBLE, packets BIGINT, loss BIGINT, seq BIGINT, latency DOUBLE,
        event AS TO_TIMESTAMP_LTZ(CAST(FLOOR(`timestamp` * 1000) AS BIGINT), 3),
        WATERMARK FOR event AS event - INTERVAL '{LATE_SECONDS}' SECOND
    ) WITH (
        'connector' = 'filesystem', 'path' = '{{files}}', 'format' = 'csv', 'csv.null-literal' = ''
    )
"""

WRITTEN = f"""
    CREATE TABLE cells (
        {CELL[0]} BIGINT, {CELL[1]} STRING, {", ".join(f"{name} BIGINT" for name in SUMS[:4])},
        {", ".join(f"{name} DOUBLE" for name in SUMS[4:])}
    ) WITH (
        'connector' = 'filesystem', 'path' = '{{cells}}', 'format' = 'csv', 'csv.null-literal' = '',
        'sink.rolling-policy.rollover-interval' = '{CHECKPOINT}', 'sink.rolling-policy.check-interval' = '{CHECKPOINT}'
    )
"""

CELLS = f"""
    INSERT INTO cells
    SELECT UNIX_TIMESTAMP(DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss')) * 1000, antenna_id,
           COUNT(*), SUM(packets), SUM(loss), COUNT(latency), SUM(latency), MIN(latency), MAX(latency)
    FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(event), INTERVAL '{PANE_MS // 1_000}' SECOND))
    GROUP BY window_start, window_end, antenna_id
"""


def job(files: Path, scratch: Path, told: Told) -> None:
    """Run the query until it has read every file."""
    cells = scratch / "cells"
    cells.mkdir()
    settings = Configuration()
    for name, value in {
        "parallelism.default": str(len(os.sched_getaffinity(0))),
        "execution.checkpointing.interval": CHECKPOINT,
        "execution.checkpointing.dir": (scratch / "checkpoints").as_uri(),
        "table.local-time-zone": "UTC",
        "io.tmp.dirs": str(scratch),
        # A job that fails is not tried again.
        "restart-strategy.type": "none",
        "rest.bind-address": "127.0.0.1",
    }.items():
        settings.set_string(name, value)
    table = TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build()
    )
    table.execute_sql(READINGS.format(files=files.as_uri()))
    table.execute_sql(WRITTEN.format(cells=cells.as_uri()))
    told.starts()
    ended = table.execute_sql(CELLS).get_job_client().get_job_execution_result()
    seen: set[Path] = set()
    while not ended.done():
        told.take(_written(cells, seen))
        time.sleep(PAUSE_SECONDS)
    # This raises what made the job fail.
    ended.result()
    told.take(_written(cells, seen))


def _written(folder: Path, seen: set[Path]) -> Iterator[list[Any]]:
    """Give the cells of the files that have come; those that are being written have a dot before their names."""
    for file in sorted(set(folder.glob("part-*")) - seen):
        seen.add(file)
        with file.open(newline="") as lines:
            for pane, antenna, *sums in csv.reader(lines):
                yield [int(pane), antenna, *map(int, sums[:4]), *(float(it) if it else None for it in sums[4:])]


if __name__ == "__main__":
    main(job)
