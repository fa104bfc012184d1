"""How many inputs, by which seed, and the table of what became of them.

python -m pytest tests/fuzz                                 a few inputs a reader, the same each time: `make test`
python -m pytest tests/fuzz --inputs 10000                  so many in all, by a seed that is told: `make fuzz`
python -m pytest tests/fuzz --inputs 10000 --fuzz-seed 7    the same again
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

COLUMNS = ("inputs", "alike", "accepted", "refused", "failed", "slowest")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inputs", type=int, default=None, help="inputs for all readers together (tests/fuzz)")
    parser.addoption("--fuzz-seed", type=int, default=None, help="seed of the inputs (tests/fuzz)")
    parser.addoption("--counts", type=Path, default=None, help="JSON file for the table of counts (tests/fuzz)")


def pytest_configure(config: pytest.Config) -> None:
    wanted = config.getoption("--inputs", None)
    if wanted is not None and config.getoption("--fuzz-seed") is None and not hasattr(config, "workerinput"):
        config.option.fuzz_seed = random.SystemRandom().randrange(10**6)  # workers of xdist are given the same


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    yield
    reports = [report for each in ("passed", "failed") for report in terminalreporter.stats.get(each, [])]
    rows = sorted(
        (row for report in reports for name, row in report.user_properties if name == "fuzz"),
        key=lambda row: row["reader"],
    )
    if not rows or config.getoption("--inputs", None) is None:
        return
    number = config.getoption("--fuzz-seed")
    total = {"reader": f"all {len(rows)}", **{name: sum(row[name] for row in rows) for name in COLUMNS[:-1]}}
    total["slowest"] = max(row["slowest"] for row in rows)
    terminalreporter.write_line(f"fuzzing with seed {number} (--fuzz-seed {number} gives the same inputs)")
    terminalreporter.write_line(f"| reader | {' | '.join(COLUMNS)} |")
    terminalreporter.write_line("|---|" + "---:|" * len(COLUMNS))
    for row in (*rows, total):
        terminalreporter.write_line(f"| {row['reader']} | {' | '.join(f'{row[name]:,}' for name in COLUMNS)} |")
    place = config.getoption("--counts")
    if place is not None:
        document = {"seed": number, "total": total, "readers": rows}
        place.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
