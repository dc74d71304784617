"""docs/operations.md lists the metrics that there are, and no others. METRICS=write renews its table."""

import os
import re
from pathlib import Path

from shared.telemetry.catalogue import METRICS

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
TABLE = re.compile(r"(<!-- metrics: [^\n]*-->\n)(.*?)(<!-- metrics end -->)", re.DOTALL)


def table() -> str:
    """The catalogue as the page shows it."""
    rows = ["| metric | type | labels | what it is |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        meaning = f"*Acts.* {metric.meaning}" if metric.acts else metric.meaning
        rows.append(f"| `{metric.shown}` | {metric.kind.value} | {labels} | {meaning} |")
    return "\n".join(rows) + "\n"


def test_the_page_lists_every_metric_as_it_is() -> None:
    page = DOCUMENT.read_text("utf-8")
    if os.environ.get("METRICS") == "write":
        page = TABLE.sub(lambda found: found[1] + table() + found[3], page)
        DOCUMENT.write_text(page, "utf-8")
    [(_, shown, _)] = TABLE.findall(page)
    assert shown == table()


def test_what_the_page_advises_to_watch_exists() -> None:
    names = set(re.findall(r"`(peercafe_[a-z_]+)", DOCUMENT.read_text("utf-8")))
    assert names <= {metric.shown for metric in METRICS}
