"""Runs the Python blocks of docs/analysis.md and compares the tables that they load.

The blocks before the first tool's section belong to all of them. Within a section, blocks are run one after the other,
and after each of them `cells` has to be the same table as everywhere else.
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "analysis.md"
ADDRESS = "http://127.0.0.1:8001"
"""The address that the document's examples ask."""


class Table(NamedTuple):
    """What a tool says of the table that it has loaded."""

    columns: list[str]
    rows: int
    antennas: int
    readings: int
    packets_sent: int
    packets_lost: int


def polars_table(cells: Any) -> Table:
    """Describe a DataFrame of Polars."""
    sums = (int(cells[column].sum()) for column in Table._fields[3:])
    return Table(cells.columns, cells.height, cells["antenna_id"].n_unique(), *sums)


def pandas_table(cells: Any) -> Table:
    """Describe a DataFrame of pandas."""
    sums = (int(cells[column].sum()) for column in Table._fields[3:])
    return Table(list(cells.columns), len(cells), cells["antenna_id"].nunique(), *sums)


def duckdb_table(cells: Any) -> Table:
    """Describe a relation of DuckDB."""
    sums = (f"sum({column})" for column in Table._fields[3:])
    [figures] = cells.aggregate(", ".join(("count(*)", "count(distinct antenna_id)", *sums))).fetchall()
    return Table(cells.columns, *map(int, figures))


TOOLS: dict[str, Callable[[Any], Table]] = {"Polars": polars_table, "pandas": pandas_table, "DuckDB": duckdb_table}
"""The sections that are run. Spark's is not: it needs a JVM."""


POLARS_TYPES = {
    "timestamp, ms, UTC": "Datetime(time_unit='ms', time_zone='UTC')",
    "string": "String",
    "uint64": "UInt64",
    "float64": "Float64",
}
"""What Polars calls the types that the document lists."""


class Block(NamedTuple):
    """A block of code, the section that it belongs to with those that it is part of, and the line on which its code begins."""

    section: tuple[str, ...]
    line: int
    code: str


def main() -> None:
    """Run every tool's section, and exit with what differs if anything does."""
    address = sys.argv[1].rstrip("/")
    document = DOCUMENT.read_text()
    # The table of columns is the first one that the document has.
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", document.partition("| `format` |")[0], re.MULTILINE))
    columns = list(listed)
    found = list(blocks(document))
    shared = [block for block in found if block.section == ()]
    expected: Table | None = None
    for tool, describe in TOOLS.items():
        own = [block for block in found if block.section == (tool,)]
        if not own:
            sys.exit(f"{DOCUMENT.name} has no Python for {tool}")
        names: dict[str, Any] = {"__name__": tool}
        for block in [*shared, *own]:
            run(block, DOCUMENT, {ADDRESS: address}, names)
            if block in shared:
                continue
            place = f"{DOCUMENT.name}:{block.line}"
            if "cells" not in names:
                sys.exit(f"{place}: the first block of a section has to load `cells`")
            table = describe(names["cells"])
            if table.columns != columns:
                sys.exit(f"{place}: {tool} has the columns {table.columns}, and the document lists {columns}")
            if table.packets_sent == 0:
                sys.exit(f"{place}: there is nothing to compare: {table}")
            if expected is None:
                # The first table is that of Polars from Arrow, which has the types as they were sent.
                types = {name: str(kind) for name, kind in names["cells"].schema.items()}
                if types != {name: POLARS_TYPES[kind] for name, kind in listed.items()}:
                    sys.exit(f"{place}: the types are {types}, and the document lists {listed}")
                expected = table
            if table != expected:
                sys.exit(f"{place}: {tool} has {table}, and before it was {expected}")
        print(f"{tool}: {len(own)} blocks run")
    print(f"all have the same table: {expected}")


def blocks(document: str) -> Iterator[Block]:
    """Give the Python blocks of a document in Markdown."""
    section: tuple[str, ...] = ()
    begin = 0
    code: list[str] | None = None
    for number, line in enumerate(document.splitlines(), 1):
        if code is not None:
            if line == "```":
                yield Block(section, begin, "\n".join(code))
                code = None
            else:
                code.append(line)
        elif line == "```python":
            code, begin = [], number + 1
        elif heading := re.match("(##+) (.*)", line):
            section = (*section[: len(heading[1]) - 2], heading[2])


def run(block: Block, document: Path, replaced: dict[str, str], names: dict[str, Any]) -> None:
    """Run a block of a document with the names that those before it have left, and some of its texts replaced."""
    code = block.code
    for told, wanted in replaced.items():
        code = code.replace(told, wanted)
    # Traceback lines are those of the document.
    compiled = compile("\n" * (block.line - 1) + code, str(document), "exec")
    exec(compiled, names)


if __name__ == "__main__":
    # Some blocks write files.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        main()
