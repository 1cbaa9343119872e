"""Processes that end with the comparison, however it ends, and the memory and processor time they use."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

PAUSE_SECONDS = 0.02
"""Time between two checks of a process."""

GRACE_SECONDS = 5.0
"""How long a process that was asked to end has before it is killed."""

RESCAN_SECONDS = 0.25
"""How often new children are looked for."""

KEPT_SETTINGS = ("PATH", "HOME", "LANG", "JAVA_HOME")
"""The only environment variables passed to a process, as Vigía's and Spark's change what is measured."""


class ComparisonError(Exception):
    """What went wrong, for the person who runs the comparison."""


class Program:
    """A process in its own session; leaving the context ends the whole session, and nothing else."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, settings: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        self._command = [str(word) for word in command]
        self._settings = settings

    def __enter__(self) -> Self:
        self._errors: IO[bytes] = tempfile.TemporaryFile(dir=self.folder)
        self.started = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env={name: os.environ[name] for name in KEPT_SETTINGS if name in os.environ} | dict(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise ComparisonError(f"{self.name} does not start: {error}") from error
        self._watch = _Watch(self.pid)
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The process is not reaped until then, so its id, which is also its session's, cannot belong to another.
        try:
            self._watch.stop()
            _signal_all(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            while _members(self.pid) and time.monotonic() < deadline:
                time.sleep(PAUSE_SECONDS)
        finally:
            _signal_all(self.pid, signal.SIGKILL)
            self._process.wait(GRACE_SECONDS)
            self._errors.close()

    @property
    def pid(self) -> int:
        """Id of the process, of its session and of its group."""
        return self._process.pid

    @property
    def peak_bytes(self) -> int:
        """Peak resident memory so far, of the process and those it started."""
        return self._watch.peak_bytes

    def processor_seconds(self, since: float, until: float) -> float:
        """Processor time used between two times of the monotonic clock, by the process and those it started."""
        return self._watch.processor_seconds(until) - self._watch.processor_seconds(since)

    def has_ended(self) -> bool:
        """Say whether the process has ended, without reaping it."""
        return self._ended() is not None

    def wait(self, seconds: float) -> None:
        """Wait until the process has ended well, up to a time after its start."""
        while (ended := self._ended()) is None:
            if time.monotonic() > self.started + seconds:
                raise self.failure(f"did not end within {seconds:.0f} s")
            time.sleep(PAUSE_SECONDS)
        if ended.si_code != os.CLD_EXITED or ended.si_status != 0:
            raise self.failure(f"ended with {ended.si_status}")

    def _ended(self) -> os.waitid_result | None:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def failure(self, what: str) -> ComparisonError:
        """Say what is wrong with the process, with the last lines of its own output."""
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-15:]
        return ComparisonError("\n    ".join([f"{self.name} {what}", *last]))


def free_port() -> int:
    """Find a port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class _Watch(threading.Thread):
    """Looks at the resident memory and the processor time of a session's processes until stopped.

    The peak of the sum is sampled; the peak of one process is the kernel's own high-water mark, which no sample misses.
    Of a process that ends, the processor time since the last sample is missed.
    """

    def __init__(self, session: int) -> None:
        super().__init__(name="watch", daemon=True)
        self.peak_bytes = 0
        self._session = session
        self._stopped = threading.Event()
        self._times: list[float] = [time.monotonic()]
        self._seconds: list[float] = [0.0]

    def run(self) -> None:
        members: list[int] = []
        used: dict[int, float] = {}
        rescan_at = 0.0
        while not self._stopped.wait(PAUSE_SECONDS):
            now = time.monotonic()
            if now >= rescan_at:
                members, rescan_at = _members(self._session), now + RESCAN_SECONDS
            sizes = [_resident_bytes(member) for member in members]
            together = sum(size for size, _ in sizes)
            self.peak_bytes = max(self.peak_bytes, together, *(peak for _, peak in sizes))
            used |= {member: seconds for member in members if (seconds := _processor_seconds(member)) is not None}
            self._seconds.append(sum(used.values()))
            self._times.append(now)

    def processor_seconds(self, at: float) -> float:
        """Processor time used until a time of the monotonic clock: what the last sample until then saw."""
        return self._seconds[max(bisect_right(self._times, at) - 1, 0)]

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self.join()


def _members(session: int) -> list[int]:
    """List the processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name in parentheses, which may contain anything: state, parent, group, session.
            state, _, _, of_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of_session) == session and state not in "ZX":
            found.append(int(entry.name))
    return found


def _signal_all(session: int, number: signal.Signals) -> None:
    for member in _members(session):
        # It may have ended since it was listed.
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, number)


def _resident_bytes(pid: int) -> tuple[int, int]:
    """Give the resident memory of a process, now and at its peak; nothing if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines)
    # A process that is about to end has neither. The unit is always kB.
    now, peak = (int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def _processor_seconds(pid: int) -> float | None:
    """Give the processor time of a process; nothing if it has ended and was reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # The fields behind the name begin with the third: user and system time are the 14th and 15th, in ticks.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
