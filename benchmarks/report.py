"""The table, the JSON and the picture of a run; a run of some parts leaves the other lines as they were."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.lines import Line, Result
from benchmarks.picture import picture, quantiles

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- results: written by `make bench` -->", "<!-- end of results -->"

Row = dict[str, Any]


def write(results: list[Result], console: Console, *, known: list[Line] | None) -> bool:
    """Print the table; keep the lines, the latencies' quantiles, the picture and the document's table.

    `known`: every line there is, in order; None for a long run, which is kept apart and drawn nowhere.
    Returns whether this run held every floor.
    """
    rows = [row_of(result) for result in results]
    verdicts = [verdict(row) for row in rows]
    when = this_run()  # before the results change the checkout
    console.print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    if known is None:
        _keep("long.json", rows)
    else:
        rows = merged(_kept("latest.json", []), rows, known)
        _keep("latest.json", rows)
        measured = _kept("measured.json", {}) | {result.line.name: when for result in results}
        measured = {row["line"]: measured[row["line"]] for row in rows if row["line"] in measured}
        _keep("measured.json", measured)
        latencies = _kept("latencies.json", {})
        for result in results:
            latencies |= {label: quantiles(values) for label, values in result.latencies.items() if values}
        _keep("latencies.json", latencies)
        if latencies:
            (RESULTS / "latencies.svg").write_text(picture(latencies), "utf-8")
        _write_document(known, rows, measured)
    held, goals = len(verdicts) - verdicts.count("below"), verdicts.count("goal")
    console.print(f"{held} of {len(results)} floors held, {goals} goals reached.")
    return held == len(results)


def this_run() -> str:
    """The day and the commit that is measured; `+` where the checkout has changes of its own."""
    asked = ("git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=+")
    try:
        said = subprocess.run(asked, cwd=RESULTS, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return f"{datetime.now(UTC).date()}, no commit"
    return f"{datetime.now(UTC).date()}, {said.stdout.strip()}"


def row_of(result: Result) -> Row:
    """What is kept of a line."""
    return row_by(result.line, result.ratio)


def row_by(line: Line, ratio: float) -> Row:
    """A line's row with its bounds of today."""
    return {
        "line": line.name,
        "ratio": ratio,
        "better": line.better,
        "floor": line.floor,
        "goal": line.goal,
        "peer": line.peer,
    }


def merged(before: list[Row], now: list[Row], known: list[Line]) -> list[Row]:
    """The newest row of each line that there is, in the lines' order; what was measured against another peer is dropped."""
    newest = {(row["line"], row["peer"]): row["ratio"] for row in (*before, *now)}
    return [row_by(line, newest[line.name, line.peer]) for line in known if (line.name, line.peer) in newest]


def verdict(row: Row) -> str:
    """goal, floor or below."""

    def reaches(bound: float) -> bool:
        return bool(row["ratio"] >= bound if row["better"] == "higher" else row["ratio"] <= bound)

    return "goal" if reaches(row["goal"]) else "floor" if reaches(row["floor"]) else "below"


def table(rows: list[Row]) -> Table:
    """One row a line: floor, goal, result."""
    table = Table(title="Ratios against the raw library, same work, same run")
    for heading in ("line", "÷ peer", "floor", "goal", "result", ""):
        table.add_column(heading, justify="right" if heading in ("floor", "goal", "result") else "left")
    colours = {"goal": "green", "floor": "yellow", "below": "red"}
    for row in rows:
        sign = "≥" if row["better"] == "higher" else "≤"
        word = verdict(row)
        bounds = (f"{sign} {row['floor']:g}", f"{row['goal']:g}", f"{row['ratio']:g}")
        table.add_row(row["line"], row["peer"], *bounds, f"[{colours[word]}]{word}[/]")
    return table


def document_table(known: list[Line], rows: list[Row], measured: dict[str, str]) -> str:
    """The same as Markdown, with the day and commit of each line: a run of some parts leaves the others'."""
    lines = ["| line | ÷ peer | floor | goal | result | | measured |", "|---|---|---|---|---|---|---|"]
    found = {row["line"]: row for row in rows}
    for line in known:
        sign = "≥" if line.better == "higher" else "≤"
        row = found.get(line.name)
        if row is None:
            result = "| | not measured against this peer"
        else:
            result = f"{row['ratio']:g} | {verdict(row)} | {measured.get(line.name, 'before that was noted')}"
        lines.append(
            f"| {line.name} | {line.peer} | {sign} {line.floor:g} | {sign} {line.goal:g} | {result} |"
        )
    return "\n".join(lines)


def _write_document(known: list[Line], rows: list[Row], measured: dict[str, str]) -> None:
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{document_table(known, rows, measured)}\n{END}{after}", "utf-8")


def _kept(name: str, otherwise: Any) -> Any:
    path = RESULTS / name
    return json.loads(path.read_text("utf-8")) if path.exists() else otherwise


def _keep(name: str, what: Any) -> None:
    (RESULTS / name).write_text(json.dumps(what, indent=2, ensure_ascii=False) + "\n", "utf-8")
