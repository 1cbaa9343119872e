"""Let Vigía and its peers drain the same stream, check their answers and write down their figures.

`run.sh` prepares the machine and calls this.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from answer import PANE_MS, WINDOW_MS, differences
from broker import Broker, broker
from processes import ComparisonError
from readings import ANTENNAS, SEED, SPAN_MS, Readings, generate
from report import Results, machine, peer_results, read, table, versions, write
from runs import FLINK, HERE, Contestant, FilePeer, Peer, Run, Vigia, build_analytics

LEAST_ENTRIES = 1_000
"""With fewer, most would drain everything in their first micro-batch."""

PEERS = (
    Peer("polars", "Polars for Python", "on_polars", batch=20_000),
    Peer("duckdb", "DuckDB", "on_duckdb", batch=20_000),
    Peer("pandas", "pandas", "on_pandas", batch=20_000),
    FilePeer("flink", "PyFlink, from files", "on_flink", batch=None, java=True, python=FLINK),
    FilePeer(
        "spark-streaming",
        "Spark's structured streaming, from files, {batch:,} rows a batch",
        "on_spark_streaming",
        batch=50_000,
        most=1_000_000,
        java=True,
    ),
    Peer("pyspark-arrow", "PySpark with Arrow", "on_pyspark_arrow", batch=50_000, most=500_000, java=True),
    Peer("pyspark", "PySpark, {batch:,} rows a batch", "on_pyspark", batch=10_000, most=200_000, java=True),
    Peer("pyspark-small", "PySpark, {batch:,} rows a batch", "on_pyspark", batch=100, most=5_000, java=True),
)
"""Batches of tens of thousands of rows, so that the fixed cost of a batch weighs little. PySpark has two sizes: many
rows, and as few as a stack would read that needs fresh metrics. `--batch` tries others."""


def main() -> int:
    """Run the comparison; the exit status says whether all went well and all answers are equal."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        if options.render:
            write(read(options.out), options.out)
        else:
            _compare(options)
    except ComparisonError as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare: interrupted", file=sys.stderr)
        return 130
    return 0


def _options() -> argparse.Namespace:
    names = ["vigia", *(peer.name for peer in PEERS)]
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__, allow_abbrev=False)
    parser.add_argument("--entries", type=int, default=2_000_000, help="entries in the stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, for the medians (default: %(default)s)")
    parser.add_argument("--analytics", type=Path, help="the compiled program (default: cargo builds it)")
    parser.add_argument("--only", help=f"names separated by commas: {', '.join(names)}; writes no files without --out")
    parser.add_argument("--batch", action="append", default=[], metavar="NAME=ROWS", help="a peer's micro-batch size")
    parser.add_argument("--limit", type=float, default=120, help="seconds allowed for a run (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder for the results (default: this one)")
    parser.add_argument("--render", action="store_true", help="only redraw table and plot from results.json")
    options = parser.parse_args()
    options.only = options.only.split(",") if options.only else names
    if unknown := set(options.only) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.entries < LEAST_ENTRIES or options.rounds < 1 or options.limit <= 0:
        parser.error(f"at least {LEAST_ENTRIES} entries, one round and a limit above 0 are needed")
    if options.out is None and set(options.only) == set(names):
        options.out = HERE
    options.out = options.out.resolve() if options.out else None
    options.batch = dict(_batch(parser, text) for text in options.batch)
    return options


def _batch(parser: argparse.ArgumentParser, text: str) -> tuple[str, int]:
    name, _, rows = text.partition("=")
    if name not in (peer.name for peer in PEERS if peer.batch) or not rows.isdigit() or int(rows) == 0:
        parser.error(f"--batch takes the NAME=ROWS of a peer, not {text}")
    return name, int(rows)


def _contestants(options: argparse.Namespace) -> list[Contestant]:
    chosen: list[Contestant] = []
    if "vigia" in options.only:
        binary = options.analytics.resolve() if options.analytics else build_analytics()
        if not binary.is_file():
            raise ComparisonError(f"there is no program {binary}")
        chosen.append(Vigia(binary))
    for peer in PEERS:
        if peer.name in options.only:
            batch = options.batch.get(peer.name, peer.batch)
            chosen.append(dataclasses.replace(peer, batch=batch, title=peer.title.format(batch=batch)))
    needs = {"redis-server"} | {"java" for it in chosen if isinstance(it, Peer) and it.java}
    if missing := [need for need in sorted(needs) if not shutil.which(need)]:
        raise ComparisonError(f"please install {' and '.join(missing)}")
    return chosen


def _compare(options: argparse.Namespace) -> None:
    contestants = _contestants(options)
    with tempfile.TemporaryDirectory(prefix="vigia-peers-") as name:
        folder = Path(name)
        with broker(folder) as server:
            _say(f"filling the stream with {options.entries:,} entries")
            readings = generate(options.entries, int(time.time() * 1_000))
            server.fill(readings)
            runs = _rounds(contestants, server, readings, folder, options)
            results: Results = {
                "stream": {
                    "entries": options.entries,
                    "antennas": ANTENNAS,
                    "seed": SEED,
                    "span_seconds": SPAN_MS // 1_000,
                    "pane_seconds": PANE_MS // 1_000,
                    "window_seconds": WINDOW_MS // 1_000,
                },
                "rounds": options.rounds,
                "machine": machine(),
                "versions": versions(contestants, server.version),
                "peers": [peer_results(contestant, runs[contestant.name]) for contestant in contestants],
            }
    print(table(results))
    if options.out:
        write(results, options.out)
        _say(f"written to {options.out}")


def _rounds(
    contestants: Sequence[Contestant],
    server: Broker,
    readings: Readings,
    folder: Path,
    options: argparse.Namespace,
) -> dict[str, list[Run]]:
    """Run all in turn, round after round, so that a slow spell of the machine affects all alike."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contestants}
    for round_number in range(1, options.rounds + 1):
        for contestant in contestants:
            run = contestant.run(server, readings, folder, options.limit)
            _check(contestant, run, readings)
            runs[contestant.name].append(run)
            _say(
                f"round {round_number}: {contestant.title}: {run.entries:,} entries in {run.drained_seconds:.2f} s, "
                f"first result after {run.first_result_seconds:.2f} s, {run.peak_bytes / 2**20:.0f} MiB, "
                f"{run.processor_seconds / run.entries * 1e6:.2f} us of processor time an entry"
            )
    return runs


def _check(contestant: Contestant, run: Run, readings: Readings) -> None:
    found = list(differences(readings.answer(run.entries), run.answer))
    if found:
        raise ComparisonError(
            "\n    ".join([f"{contestant.title} answers differently after {run.entries:,} entries:", *found])
        )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Stop as if by Ctrl-C, which ends every process that was started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
