"""The results as JSON, as a table in Markdown and as a plot. None of them contains the time of the run."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from processes import ComparisonError
from runs import FLINK, Contestant, FilePeer, Peer, Run, Vigia

Results = dict[str, Any]
"""What is kept in `results.json`."""

PACKAGES = ("redis", "hiredis", "pyspark", "pyarrow", "pandas", "polars", "duckdb")
MIB = 2**20
KIB_A_GIB = 2**20

TEXT, GRID, VIGIA, OTHERS = "#0e1526", "#e3e7ee", "#2f4fb8", "#9aa5b8"

STYLE: Any = {
    # Text stays text, and ids depend on nothing but the drawing.
    "svg.fonttype": "none",
    "svg.hashsalt": "vigia",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "text.color": TEXT,
    "ytick.color": TEXT,
    "axes.edgecolor": GRID,
}


@dataclass(frozen=True)
class Measure:
    """A column of the table, and a panel of the plot."""

    name: str
    title: str
    better: str | None
    """Which is better, less or more; only needed for what is plotted."""
    text: Callable[[float], str]


MEASURES = (
    Measure("readings_per_second", "readings a second", "more", lambda value: f"{_rounded(value):,}"),
    Measure("readings_per_second_after_start_up", "without start-up", None, lambda value: f"{_rounded(value):,}"),
    Measure("peak_mib", "peak memory", "less", lambda value: f"{value:,.0f} MiB"),
    Measure("first_result_seconds", "time to first result", "less", lambda value: f"{value:.2f} s"),
    Measure("processor_us", "processor time an entry", "less", lambda value: f"{float(f'{value:.3g}'):,g} us"),
)


def peer_results(contestant: Contestant, runs: Sequence[Run]) -> Results:
    """Give the median of each figure over the runs."""

    def median(figure: Callable[[Run], float]) -> float:
        return float(f"{statistics.median(map(figure, runs)):.4g}")

    results: Results = {
        "name": contestant.name,
        "title": contestant.title,
        "batch": contestant.batch if isinstance(contestant, Peer) else None,
        "files": isinstance(contestant, FilePeer),
        "entries": runs[0].entries,
        "readings_per_second": median(lambda run: run.entries / run.drained_seconds),
        "readings_per_second_after_start_up": median(
            lambda run: run.entries / (run.drained_seconds - run.first_batch_seconds)
        ),
        "first_result_seconds": median(lambda run: run.first_result_seconds),
        "processor_us": median(lambda run: run.processor_seconds / run.entries * 1e6),
        "peak_mib": median(lambda run: run.peak_bytes / MIB),
        "drained_seconds": median(lambda run: run.drained_seconds),
        "merged_seconds": median(lambda run: run.merged_seconds),
        "read_seconds": None,
    }
    if all(run.read_seconds is not None for run in runs):
        results["read_seconds"] = median(lambda run: run.read_seconds or 0.0)
    return results


def machine() -> dict[str, str]:
    """Describe the machine."""
    model = _found(r"^model name\s*: (.+)$", Path("/proc/cpuinfo")) or platform.machine()
    memory_kib = int(_found(r"^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo")) or 0)
    return {
        "processor": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_kib / KIB_A_GIB:.0f} GiB",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
    }


def versions(contestants: Sequence[Contestant], broker_version: str) -> dict[str, str]:
    """Give the versions of everything that takes part."""
    found = {"Redis": broker_version, "Python": platform.python_version()}
    found |= {package: version(package) for package in PACKAGES}
    for contestant in contestants:
        if isinstance(contestant, Vigia):
            found["analytics"] = _said([str(contestant.binary), "--version"], r"analytics (\S+)")
        elif isinstance(contestant, Peer) and contestant.java:
            found["Java"] = _said(["java", "-version"], r'version "([^"]+)"')
        if isinstance(contestant, FilePeer) and contestant.python == FLINK:
            asked = "from importlib.metadata import version; print('version', version('apache-flink'))"
            found["apache-flink"] = _said([str(FLINK), "-c", asked], r"version (\S+)")
    return found


def read(folder: Path | None) -> Results:
    """Read the results of an earlier run back."""
    if folder is None:
        raise ComparisonError("--render needs --out where --only is given")
    file = folder / "results.json"
    try:
        results: Results = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ComparisonError(f"there are no results in {file}: {error}") from error
    return results


def write(results: Results, folder: Path) -> None:
    """Write the three files. The same results give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (folder / "results.md").write_text(table(results) + "\n" + _notes(results))
    _plot(results, folder / "results.svg")


def table(results: Results) -> str:
    """Give the table, fastest first."""
    measures = _measured(results)
    heads = ["", *(measure.title for measure in measures), "entries drained"]
    rows = [
        [peer["title"], *(measure.text(peer[measure.name]) for measure in measures), f"{peer['entries']:,}"]
        for peer in _fastest_first(results)
    ]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _notes(results: Results) -> str:
    stream = results["stream"]
    rounds = "one round" if results["rounds"] == 1 else f"{results['rounds']} rounds"
    lines = [
        f"Medians of {rounds} over one Redis stream of {stream['entries']:,} entries from {stream['antennas']:,} "
        "antennas, all answers equal. The slow ones drain only its beginning.",
    ]
    reading = [
        f"{peer['title']} {peer['read_seconds'] / peer['drained_seconds']:.0%}"
        for peer in _fastest_first(results)
        if peer["read_seconds"] is not None
    ]
    if reading:
        lines.append(f"Share of the time spent in XREAD by redis-py: {', '.join(reading)}.")
    for peer in results["peers"]:
        if peer["merged_seconds"] != peer["drained_seconds"]:
            lines.append(
                f"{peer['title']} had every entry in its answers after {peer['merged_seconds']:.2f} s; the "
                f"{peer['drained_seconds']:.2f} s that count include committing everything to Redis."
            )
    box = results["machine"]
    lines.append(f"{box['processor']}, {box['cores']} cores, {box['memory']}, {box['system']}.")
    lines.append(", ".join(f"{name} {number}" for name, number in results["versions"].items()) + ".")
    return "\n\n".join(lines) + "\n"


def _plot(results: Results, file: Path) -> None:
    """Draw a panel for each measure, on a logarithmic scale: the peers are orders of magnitude apart."""
    measures = [measure for measure in _measured(results) if measure.better]
    # The axis points upwards, so the first of the table comes last.
    peers = _fastest_first(results)[::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 0.9 + 0.42 * len(peers)), layout="constrained", facecolor="white")
        for axes, measure in zip(figure.subplots(1, len(measures), sharey=True), measures, strict=True):
            _draw(axes, measure, peers)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _draw(axes: Axes, measure: Measure, peers: Sequence[Results]) -> None:
    values = [peer[measure.name] for peer in peers]
    colours = [VIGIA if peer["name"] == "vigia" else OTHERS for peer in peers]
    bars = axes.barh([peer["title"] for peer in peers], values, color=colours, height=0.62)
    axes.bar_label(bars, [measure.text(value) for value in values], padding=4, color=TEXT)
    axes.set_xscale("log")
    # The bar of the smallest value stays visible, and there is room for the label of the largest.
    decades = max(values) / min(values)
    axes.set_xlim(min(values) / 3, max(values) * 4 * decades**0.45)
    axes.set_title(f"{measure.title}\n{measure.better} is better, log scale", loc="left", fontsize=10, color=TEXT)
    axes.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _measured(results: Results) -> list[Measure]:
    """Give what was measured; processor time is not in results of before November 2026."""
    return [measure for measure in MEASURES if all(measure.name in peer for peer in results["peers"])]


def _fastest_first(results: Results) -> list[Results]:
    return sorted(results["peers"], key=lambda peer: -peer["readings_per_second"])


def _rounded(value: float) -> int:
    """Round to three digits; more are noise."""
    return int(float(f"{value:.3g}"))


def _found(pattern: str, file: Path) -> str | None:
    match = re.search(pattern, file.read_text(), re.MULTILINE)
    return match[1] if match else None


def _said(command: list[str], pattern: str) -> str:
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    match = re.search(pattern, said.stdout)
    return match[1] if match else "unknown"
