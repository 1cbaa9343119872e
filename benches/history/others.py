"""Asks DuckDB or Polars one of the questions of `measure history`, of the files of an archive, and says how long it took.

    others.py ENGINE QUESTION ARCHIVE END DAYS ANTENNA

Prints a line of JSON: the milliseconds of a process that has just loaded the engine, those of the same question once more, and
the answer, to be compared with that of the API.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from glob import glob
from typing import Any

Answer = list[Any]


def files(archive: str, of_hours: str, of_days: str, begin: datetime, end: datetime) -> list[str]:
    """Name the files that hold a range: those of whole days, and those of hours of other days."""
    first, last = f"date={begin:%Y-%m-%d}", f"date={end - timedelta(microseconds=1):%Y-%m-%d}"
    whole = {path.split("/")[-2]: path for path in glob(f"{archive}/v1/{of_days}/date=*/*.parquet")}
    hours = glob(f"{archive}/v1/hours/date=*/hour=*/{of_hours}-*.parquet")
    named = [(date, path) for date, path in whole.items()]
    named += [(path.split("/")[-3], path) for path in hours if path.split("/")[-3] not in whole]
    return sorted(path for date, path in named if first <= date <= last)


def duckdb_questions(archive: str, end: datetime, days: int, antenna: str) -> dict[str, Callable[[], Answer]]:
    """Give DuckDB's way to each question."""
    import duckdb

    duckdb.execute("SET TimeZone = 'UTC'")

    def rows(of_hours: str, of_days: str, begin: datetime) -> str:
        paths = files(archive, of_hours, of_days, begin, end)
        between = f"start >= TIMESTAMPTZ '{begin.isoformat()}' AND start < TIMESTAMPTZ '{end.isoformat()}'"
        return f"(SELECT * FROM read_parquet({paths}, hive_partitioning = false) WHERE {between})"

    def summary() -> Answer:
        network = rows("network_hourly", "network_hourly", end - timedelta(days=days))
        return list(duckdb.sql(f"""
            WITH of_range AS {network}, buckets AS (
                SELECT unnest(latency_buckets) AS bucket, unnest(latency_bucket_counts) AS readings FROM of_range
            ), ascending AS (
                SELECT bucket, sum(sum(readings)) OVER (ORDER BY bucket) AS upto FROM buckets GROUP BY bucket
            )
            SELECT sum(readings)::BIGINT, sum(packets_sent)::BIGINT, sum(packets_lost)::BIGINT,
                (SELECT min(bucket) FROM ascending WHERE upto >= 0.95 * (SELECT max(upto) FROM ascending))
            FROM of_range
        """).fetchall()[0][:3])

    def series() -> Answer:
        hours = rows("hourly", "hourly", end - timedelta(days=7))
        found = duckdb.sql(f"""
            SELECT epoch_ms(start) AS ms, packets_sent, packets_lost, latency_sum_ms / latency_count, latency_buckets, latency_bucket_counts
            FROM {hours} WHERE antenna_id = '{antenna}' ORDER BY ms
        """).fetchall()
        return [len(found), sum(row[1] for row in found), sum(row[2] for row in found)]

    def worst() -> Answer:
        hours = rows("hourly", "hourly", end - timedelta(days=days))
        found = duckdb.sql(f"""
            SELECT antenna_id, sum(packets_lost)::BIGINT AS lost, sum(packets_sent), sum(latency_sum_ms) / sum(latency_count)
            FROM {hours} GROUP BY antenna_id ORDER BY lost DESC, antenna_id LIMIT 10
        """).fetchall()
        return [[row[0], row[1]] for row in found]

    return {"summary": summary, "series": series, "worst": worst}


def polars_questions(archive: str, end: datetime, days: int, antenna: str) -> dict[str, Callable[[], Answer]]:
    """Give Polars' way to each question."""
    import polars as pl

    def rows(of_hours: str, of_days: str, begin: datetime) -> pl.LazyFrame:
        paths = files(archive, of_hours, of_days, begin, end)
        scan = pl.scan_parquet(paths, hive_partitioning=False)
        return scan.filter(pl.col("start") >= begin, pl.col("start") < end)

    def summary() -> Answer:
        network = rows("network_hourly", "network_hourly", end - timedelta(days=days))
        sums = network.select(pl.col("readings", "packets_sent", "packets_lost").sum())
        buckets = network.select("latency_buckets", "latency_bucket_counts").explode(pl.all())
        buckets = buckets.group_by("latency_buckets").agg(pl.all().sum()).sort("latency_buckets")
        upto = pl.col("latency_bucket_counts").cum_sum()
        p95 = buckets.filter(upto >= 0.95 * pl.col("latency_bucket_counts").sum()).first()
        found, _ = pl.collect_all([sums, p95])
        return list(found.row(0))

    def series() -> Answer:
        hours = rows("hourly", "hourly", end - timedelta(days=7)).filter(pl.col("antenna_id") == antenna)
        latencies = [pl.col("latency_sum_ms") / pl.col("latency_count"), "latency_buckets", "latency_bucket_counts"]
        found = hours.select("start", "packets_sent", "packets_lost", *latencies).sort("start").collect()
        return [found.height, found["packets_sent"].sum(), found["packets_lost"].sum()]

    def worst() -> Answer:
        hours = rows("hourly", "hourly", end - timedelta(days=days))
        sums = pl.col("packets_lost", "packets_sent", "latency_sum_ms", "latency_count").sum()
        by_antenna = hours.group_by("antenna_id").agg(sums)
        found = by_antenna.sort("packets_lost", "antenna_id", descending=[True, False]).head(10).collect()
        return [list(row) for row in found.select("antenna_id", "packets_lost").rows()]

    return {"summary": summary, "series": series, "worst": worst}


def main() -> None:
    """Ask twice, and print what came of it."""
    engine, question, archive, end, days, antenna = sys.argv[1:]
    questions = {"duckdb": duckdb_questions, "polars": polars_questions}[engine]
    ask = questions(archive, datetime.fromisoformat(end), int(days), antenna)[question]
    milliseconds, answers = [], []
    for _ in range(2):
        started = time.perf_counter()
        answers.append(ask())
        milliseconds.append((time.perf_counter() - started) * 1000)
    if answers[0] != answers[1]:
        sys.exit(f"two answers to one question: {answers}")
    print(json.dumps({"cold_ms": milliseconds[0], "warm_ms": milliseconds[1], "answer": answers[0]}))


if __name__ == "__main__":
    main()
