#!/usr/bin/env python3
"""Prints what `cargo bench -p benches` measured: nanoseconds a row of each step, and the roll-up beside the floor.

Medians of Criterion's samples, read from the target folder (CARGO_TARGET_DIR, or `target`).
"""

import json
import os
from pathlib import Path

STEPS = ("find the end", "decode", "partials", "roll_up", "count", "floor")
"""In the order of the pipeline; the floor is the loop written by hand."""


def median_ns(folder: Path) -> float:
    """The median time of one iteration, in nanoseconds."""
    estimates = json.loads((folder / "new" / "estimates.json").read_text())
    return float(estimates["median"]["point_estimate"])


def main() -> None:
    """Print the groups of benches as Markdown tables."""
    criterion = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "criterion"
    sizes = sorted({tuple(map(int, path.name.split("x"))) for path in (criterion / "aggregate" / "decode").glob("*x*")})
    print("| rows x antennas | " + " | ".join(STEPS) + " | roll_up / floor |")
    print("| --- |" + " ---: |" * (len(STEPS) + 1))
    for rows, antennas in sizes:
        name = f"{rows}x{antennas}"
        folders = [criterion / "aggregate" / step / name for step in STEPS]
        cost = {step: median_ns(folder) / rows for step, folder in zip(STEPS, folders, strict=True)}
        cells = " | ".join(f"{cost[step]:.1f}" for step in STEPS)
        print(f"| {rows:,} x {antennas:,} | {cells} | {cost['roll_up'] / cost['floor']:.1f} |")
    print("\n| query over an hour of panes | 100 antennas | 10,000 antennas |\n| --- | ---: | ---: |")
    for folder in sorted((criterion / "query").iterdir()):
        if (folder / "100" / "new").exists():
            cells = " | ".join(f"{median_ns(folder / antennas) / 1e6:.2f} ms" for antennas in ("100", "10000"))
            print(f"| {folder.name.replace('_', ' ')} | {cells} |")
    print("\n| archive, an hour of minutes | 100 antennas | 10,000 antennas |\n| --- | ---: | ---: |")
    for folder in sorted((criterion / "archive").iterdir()):
        if (folder / "100" / "new").exists():
            rows = {antennas: int(antennas) * 60 for antennas in ("100", "10000")}
            million = {antennas: rows[antennas] * 1e3 / median_ns(folder / antennas) for antennas in rows}
            cells = " | ".join(f"{million[antennas]:.2f} million rows/s" for antennas in rows)
            print(f"| {folder.name.replace('_', ' ')} | {cells} |")


if __name__ == "__main__":
    main()
