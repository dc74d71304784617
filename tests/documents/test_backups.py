"""docs/backups.md tells whoever restores by other means to say exactly what our own restore says."""

import re
from pathlib import Path

from shared.bus.agreement import MARK_RESTORED

DOCUMENT = Path(__file__).parents[2] / "docs" / "backups.md"


def test_the_pages_statement_is_the_restores_own() -> None:
    assert re.findall(r"```sql\n(.*?);\n```", DOCUMENT.read_text("utf-8"), re.DOTALL) == [MARK_RESTORED]
