"""The table, the JSON and the picture of a run; a run of some parts leaves the other lines as they were."""

import json
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


def write(results: list[Result], console: Console, *, known: list[Line] | None) -> None:
    """Print the table; keep the lines, the latencies' quantiles, the picture and the document's table.

    `known`: every line there is, in order; None for a long run, which is kept apart and drawn nowhere.
    """
    rows = [row_of(result) for result in results]
    console.print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    if known is None:
        _keep("long.json", rows)
    else:
        rows = merged(_kept("latest.json", []), rows, [line.name for line in known])
        _keep("latest.json", rows)
        latencies = _kept("latencies.json", {})
        for result in results:
            latencies |= {label: quantiles(values) for label, values in result.latencies.items() if values}
        _keep("latencies.json", latencies)
        if latencies:
            (RESULTS / "latencies.svg").write_text(picture(latencies), "utf-8")
        _write_document(rows)
    held, goals = sum(r.holds_floor for r in results), sum(r.reaches_goal for r in results)
    console.print(f"{held} of {len(results)} floors held, {goals} goals reached.")


def row_of(result: Result) -> Row:
    """What is kept of a line."""
    line = result.line
    return {
        "line": line.name,
        "ratio": round(result.ratio, 3),
        "better": line.better,
        "floor": line.floor,
        "goal": line.goal,
        "peer": line.peer,
    }


def merged(before: list[Row], now: list[Row], known: list[str]) -> list[Row]:
    """The newest row of each line that there is, in the lines' order."""
    newest = {row["line"]: row for row in (*before, *now)}
    return [newest[name] for name in known if name in newest]


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
        bounds = (f"{sign} {row['floor']:g}", f"{row['goal']:g}", f"{row['ratio']:.2f}")
        table.add_row(row["line"], row["peer"], *bounds, f"[{colours[word]}]{word}[/]")
    return table


def document_table(rows: list[Row]) -> str:
    """The same as Markdown."""
    lines = ["| line | ÷ peer | floor | goal | result | |", "|---|---|---|---|---|---|"]
    for row in rows:
        sign = "≥" if row["better"] == "higher" else "≤"
        lines.append(
            f"| {row['line']} | {row['peer']} | {sign} {row['floor']:g} | {sign} {row['goal']:g}"
            f" | {row['ratio']:.2f} | {verdict(row)} |"
        )
    return "\n".join(lines)


def _write_document(rows: list[Row]) -> None:
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{document_table(rows)}\n{END}{after}", "utf-8")


def _kept(name: str, otherwise: Any) -> Any:
    path = RESULTS / name
    return json.loads(path.read_text("utf-8")) if path.exists() else otherwise


def _keep(name: str, what: Any) -> None:
    (RESULTS / name).write_text(json.dumps(what, indent=2, ensure_ascii=False) + "\n", "utf-8")
