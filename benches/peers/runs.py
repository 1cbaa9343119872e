"""One run of one program over the stream; the same is measured for all of them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from answer import WORST, Answer
from broker import STREAM, Broker
from processes import PAUSE_SECONDS, ComparisonError, Program, free_port
from readings import Readings

HERE = Path(__file__).parent

FLINK = HERE / ".venv-flink" / "bin" / "python"
"""PyFlink needs older versions of pandas and of pyarrow than the others."""


@dataclass(frozen=True)
class Run:
    """What was measured. Seconds are since the start of the process."""

    entries: int
    first_batch_seconds: float
    """Until the first micro-batch was requested: the start-up."""
    first_result_seconds: float
    """Until a window with readings in it was answered for the first time."""
    drained_seconds: float
    """Until all entries were in the answers; with Vigía, until they were committed too."""
    merged_seconds: float
    """Until all entries were in the answers."""
    read_seconds: float | None
    """Time spent in XREAD; unknown if reading overlaps with the rest."""
    processor_seconds: float
    """Processor time from the first micro-batch until all entries were drained."""
    peak_bytes: int
    answer: Answer


class Contestant(Protocol):
    """A program that takes part."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def title(self) -> str:
        """Name in the table."""

    def entries(self, available: int) -> int:
        """Tell how many entries it drains."""

    def run(self, broker: Broker, readings: Readings, folder: Path, limit_seconds: float) -> Run:
        """Run it once."""


@dataclass(frozen=True)
class Peer:
    """A program of `peers/`; it reads the stream."""

    name: str
    title: str
    module: str
    batch: int | None
    """Most entries of a micro-batch; nothing if it has none."""
    most: int | None = None
    """A slow peer drains only this many entries, from the beginning."""
    java: bool = False
    """Whether it needs a JVM."""

    def entries(self, available: int) -> int:
        """Tell how many entries it drains."""
        return min(available, self.most or available)

    def run(self, broker: Broker, readings: Readings, folder: Path, limit_seconds: float) -> Run:
        """Run it once."""
        entries = self.entries(len(readings))
        source = {"port": broker.port, "stream": STREAM, "entries": entries, "batch": self.batch}
        return self._run(readings, entries, source, folder, limit_seconds)

    def _run(
        self,
        readings: Readings,
        entries: int,
        source: Mapping[str, object],
        folder: Path,
        limit_seconds: float,
        python: Path = Path(sys.executable),
    ) -> Run:
        """Run the module on its source."""
        report_file = folder / "report.json"
        options = {**source, "end-ms": readings.window(entries).end_ms, "report": report_file}
        command: list[str | Path] = [
            python,
            "-m",
            f"peers.{self.module}",
            *(f"--{name}={it}" for name, it in options.items()),
        ]
        settings = {"PYTHONPATH": str(HERE), "TMPDIR": str(folder), "SPARK_LOCAL_DIRS": str(folder)}
        settings |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": str(python), "FLINK_LOG_DIR": str(folder)}
        with Program(self.name, command, folder, settings) as program:
            program.wait(limit_seconds)
            report: dict[str, Any] = json.loads(report_file.read_text())
            report_file.unlink()
            drained_seconds = report["drained"] - program.started
            return Run(
                entries=entries,
                first_batch_seconds=report["first_batch"] - program.started,
                first_result_seconds=report["first_result"] - program.started,
                drained_seconds=drained_seconds,
                merged_seconds=drained_seconds,
                read_seconds=report["read_seconds"],
                processor_seconds=program.processor_seconds(report["first_batch"], report["drained"]),
                peak_bytes=program.peak_bytes,
                answer=report["answer"],
            )


@dataclass(frozen=True)
class FilePeer(Peer):
    """A program of `peers/` that reads the same entries from files, which are there before it starts.

    There is one file a micro-batch; without micro-batches, one a core, to be read side by side.
    """

    python: Path = Path(sys.executable)
    """The interpreter: one whose packages need other versions of what all use has its own."""

    def run(self, broker: Broker, readings: Readings, folder: Path, limit_seconds: float) -> Run:
        """Run it once; of the broker it needs nothing."""
        entries = self.entries(len(readings))
        files, scratch = folder / "files", folder / "scratch"
        try:
            files.mkdir()
            scratch.mkdir()
            if self.batch is None:
                readings.shares(files, entries, len(os.sched_getaffinity(0)))
            else:
                readings.batches(files, entries, self.batch)
            source = {"files": files, "scratch": scratch}
            return self._run(readings, entries, source, folder, limit_seconds, self.python)
        finally:
            shutil.rmtree(files, ignore_errors=True)
            shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class Vigia:
    """The program `analytics` as it is deployed: default settings, state committed to Redis, questions over HTTP."""

    binary: Path
    name: str = "vigia"
    title: str = "Vigía"

    def entries(self, available: int) -> int:
        """Tell how many entries it drains: all."""
        return available

    def run(self, broker: Broker, readings: Readings, folder: Path, limit_seconds: float) -> Run:
        """Run it once, on a copy of the stream, as it trims what it has read."""
        stream = "vigia_stream"
        port = free_port()
        settings = {
            "REDIS_URL": f"redis://127.0.0.1:{broker.port}",
            "STREAM": stream,
            "BIND": f"127.0.0.1:{port}",
            "RUST_LOG": "warn",
        }
        with broker.copy(stream), Program(self.name, [self.binary], folder, settings) as program:
            return _Drain(program, _Api(program, port), readings, limit_seconds).run()


class _Drain:
    """One drain by Vigía, watched over its API."""

    def __init__(self, program: Program, api: _Api, readings: Readings, limit_seconds: float) -> None:
        self._program = program
        self._api = api
        self._readings = readings
        self._deadline = program.started + limit_seconds

    def run(self) -> Run:
        # Reading begins with the API or a little later; the time between counts as part of the drain.
        first_batch = self._until(self._api.answers)
        first_result = self._until(lambda: self._api.get("/api/v1/summary?window=5m")["readings"] > 0)
        merged = self._until(self._is_merged)
        committed = self._until(self._is_committed)
        started = self._program.started
        return Run(
            entries=len(self._readings),
            first_batch_seconds=first_batch,
            first_result_seconds=first_result,
            drained_seconds=committed,
            merged_seconds=merged,
            read_seconds=None,
            processor_seconds=self._program.processor_seconds(started + first_batch, started + committed),
            peak_bytes=self._program.peak_bytes,
            answer=self._answer(),
        )

    def _until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition; give the seconds since the start."""
        while not condition():
            if self._program.has_ended():
                raise self._program.failure("ended before the stream was drained")
            if time.monotonic() > self._deadline:
                raise self._program.failure(f"had not drained the stream in time; its ledger: {self._api.totals()}")
            time.sleep(PAUSE_SECONDS / 2)
        return time.monotonic() - self._program.started

    def _is_merged(self) -> bool:
        (partition,) = self._api.get("/api/v1/pipeline")["partitions"]
        return bool(partition["cursor"] == self._readings.last_id)

    def _is_committed(self) -> bool:
        totals = self._api.totals()
        if totals["lag"] != 0:
            return False
        if totals["counted"] != len(self._readings):
            raise ComparisonError(f"Vigía has drained the stream and counted only some of it: {totals}")
        return True

    def _answer(self) -> Answer:
        end_seconds = self._readings.window(len(self._readings)).end_ms // 1_000
        window = f"window=5m&end={end_seconds}"
        return {
            "summary": self._api.get(f"/api/v1/summary?{window}"),
            "worst": self._api.get(f"/api/v1/worst?{window}&by=failures&limit={WORST}")["antennas"],
        }


class _Api:
    """Vigía's HTTP API."""

    def __init__(self, program: Program, port: int) -> None:
        self._program = program
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def answers(self) -> bool:
        """Say whether it answers yet."""
        try:
            self._connection.connect()
        except ConnectionRefusedError:
            return False
        self.get("/api/v1/pipeline")
        return True

    def totals(self) -> dict[str, Any]:
        """Give the ledger's sums."""
        totals: dict[str, Any] = self.get("/api/v1/pipeline")["totals"]
        return totals

    def get(self, path: str) -> dict[str, Any]:
        """Send a request."""
        try:
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._program.failure(f"did not answer to {path}: {error!r}") from error
        if response.status != http.HTTPStatus.OK:
            raise self._program.failure(f"answered {response.status} to {path}: {body.decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(body)
        return answer


def build_analytics() -> Path:
    """Compile `analytics` in the release profile, and give the path of the program."""
    cargo = ["cargo", "build", "--release", "-p", "analytics", "--locked"]
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    try:
        # Cargo's output goes where the comparison's progress goes.
        subprocess.run(cargo, cwd=HERE, check=True, stdout=sys.stderr)
        found = subprocess.run(metadata, cwd=HERE, check=True, stdout=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ComparisonError(f"analytics cannot be compiled: {error}; give a compiled one with --analytics") from error
    return Path(json.loads(found.stdout)["target_directory"]) / "release" / "analytics"
