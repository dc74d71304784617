"""The table, the JSON and the picture of a run."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.lines import Result

RESULTS = Path(__file__).parent / "results"
WIDTH, ROW, LEFT = 860, 26, 250


def table(results: list[Result]) -> Table:
    """One row a line: floor, goal, result."""
    table = Table(title="Ratios against the raw library, same work, same run")
    for heading in ("line", "÷ peer", "floor", "goal", "result", ""):
        table.add_column(heading, justify="right" if heading in ("floor", "goal", "result") else "left")
    for result in results:
        line = result.line
        sign = "≥" if line.better == "higher" else "≤"
        verdict = (
            "[green]goal[/]"
            if result.reaches_goal
            else "[yellow]floor[/]"
            if result.holds_floor
            else "[red]below[/]"
        )
        table.add_row(
            line.name, line.peer, f"{sign} {line.floor:g}", f"{line.goal:g}", f"{result.ratio:.2f}", verdict
        )
    return table


def write(results: list[Result], console: Console) -> None:
    """Print the table; write `latest.json` and `latencies.svg` beside earlier ones."""
    console.print(table(results))
    rows = [
        {
            "line": r.line.name,
            "ratio": round(r.ratio, 3),
            "better": r.line.better,
            "floor": r.line.floor,
            "goal": r.line.goal,
            "peer": r.line.peer,
        }
        for r in results
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
    latencies = {label: values for r in results for label, values in r.latencies.items() if values}
    if latencies:
        (RESULTS / "latencies.svg").write_text(picture(latencies), "utf-8")
    held = sum(r.holds_floor for r in results)
    goals = sum(r.reaches_goal for r in results)
    console.print(f"{held} of {len(results)} floors held, {goals} goals reached.")


def picture(latencies: dict[str, list[float]]) -> str:
    """Each label's p50, p90 and p99 (seconds in, milliseconds drawn) as one bar of three shades, SVG."""
    points = {
        label: [_quantile(values, q) * 1000 for q in (0.5, 0.9, 0.99)] for label, values in latencies.items()
    }
    scale = (WIDTH - LEFT - 90) / max(p[-1] for p in points.values())
    height = ROW * (len(points) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fbf8f3"/>',
        '<text x="10" y="18" fill="#22302f">Latency in milliseconds: p50, p90, p99</text>',
    ]
    for row, (label, (p50, p90, p99)) in enumerate(points.items(), start=1):
        y = row * ROW + 4
        parts.append(f'<text x="10" y="{y + 14}" fill="#22302f">{label}</text>')
        for value, colour in ((p99, "#cfe3e0"), (p90, "#7fb5af"), (p50, "#1c5f5a")):
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="18" fill="{colour}"/>'
            )
        text = f"{p50:.1f} · {p90:.1f} · {p99:.1f}"
        parts.append(f'<text x="{LEFT + p99 * scale + 6:.1f}" y="{y + 14}" fill="#55625f">{text}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
