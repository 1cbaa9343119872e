"""DuckDB: SQL within the process over Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from answer import PANE_MS, WORST, Sums, Window
from peers.stream import Entry, columns, main

TEXT = pa.schema([(name, pa.string()) for name in ("antenna_id", "timestamp", "packets", "loss", "latency")])

AGGREGATE = f"""
    SELECT floor(timestamp::DOUBLE * 1000 / {PANE_MS})::BIGINT * {PANE_MS} AS pane, antenna_id,
           count(*) AS readings, sum(packets::BIGINT)::BIGINT AS packets, sum(loss::BIGINT)::BIGINT AS lost,
           count(latency) AS latency_count, sum(latency::DOUBLE) AS latency_sum,
           min(latency::DOUBLE) AS latency_min, max(latency::DOUBLE) AS latency_max
    FROM batch GROUP BY ALL
"""

MERGED = """
    sum(readings)::BIGINT AS readings, sum(packets)::BIGINT AS packets, sum(lost)::BIGINT AS lost,
    sum(latency_count)::BIGINT AS latency_count, sum(latency_sum) AS latency_sum,
    min(latency_min) AS latency_min, max(latency_max) AS latency_max
"""

WITHIN = "FROM cells WHERE pane >= $start_ms AND pane < $end_ms"


class DuckDb:
    """Cells are Arrow tables, which DuckDB reads in place."""

    def __init__(self) -> None:
        self._database = duckdb.connect()

    def aggregate(self, entries: Sequence[Entry]) -> pa.Table:
        """Add a micro-batch up."""
        return self._query(AGGREGATE, batch=pa.table(columns(entries), schema=TEXT))

    def merge(self, parts: Sequence[pa.Table]) -> pa.Table:
        """Add tables up."""
        return self._query(f"SELECT pane, antenna_id, {MERGED} FROM cells GROUP BY ALL", cells=pa.concat_tables(parts))

    def answer(self, cells: pa.Table, window: Window) -> tuple[Sums, Iterable[tuple[str, Sums]]]:
        """Answer for the window."""
        bounds = {"start_ms": window.start_ms, "end_ms": window.end_ms}
        self._database.register("cells", cells)
        (network,) = self._database.execute(f"SELECT {MERGED} {WITHIN}", bounds).fetchall()
        worst = self._database.execute(
            f"""SELECT antenna_id, {MERGED} {WITHIN} GROUP BY antenna_id HAVING sum(lost) > 0
                ORDER BY sum(lost) DESC, antenna_id LIMIT {WORST}""",
            bounds,
        ).fetchall()
        return Sums.of(network), [(antenna, Sums.of(sums)) for antenna, *sums in worst]

    def _query(self, sql: str, **tables: pa.Table) -> pa.Table:
        for name, table in tables.items():
            self._database.register(name, table)
        return self._database.execute(sql).to_arrow_table()


if __name__ == "__main__":
    main(DuckDb)
