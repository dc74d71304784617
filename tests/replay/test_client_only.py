"""The replay is a client like any other."""

import ast
from pathlib import Path

REPLAY = Path(__file__).parents[2] / "replay"
OURS = {"replay"}
LIBRARIES = {"httpx", "rich"}
STANDARD = {
    "asyncio", "collections", "contextlib", "dataclasses", "datetime", "functools", "itertools", "json", "pathlib", "random",
    "secrets", "sys", "time", "tomllib", "types", "typing", "unicodedata", "uuid", "zoneinfo",
}  # fmt: skip


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_replay_imports_only_http_and_terminal_libraries() -> None:
    files = list(REPLAY.rglob("*.py"))
    assert len(files) > 5
    assert set().union(*map(imported, files)) <= OURS | LIBRARIES | STANDARD
