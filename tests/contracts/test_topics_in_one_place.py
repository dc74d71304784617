"""Topics are defined in the catalogue and nowhere else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.contracts import topics

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "shared", "deploy", "replay")
CATALOGUE_FILE = Path(topics.__file__)
LIKE_A_TOPIC = re.compile(r"^(?:[a-z0-9-]+\.)?(?:shared|local|dlq)\.[a-z]+(?:\.|$)")


def strings_of(source: str) -> Iterator[str]:
    """Every string that a module has, parts of f-strings too; an import's names are none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named_in(path: Path) -> list[str]:
    return [text for text in strings_of(path.read_text("utf-8")) if LIKE_A_TOPIC.match(text)]


def test_no_other_module_names_a_topic() -> None:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert CATALOGUE_FILE in files
    found = {str(path.relative_to(ROOT)): named_in(path) for path in files if path != CATALOGUE_FILE}
    assert {path: names for path, names in found.items() if names} == {}


def test_names_are_recognised_however_they_are_written(tmp_path: Path) -> None:
    assert len(named_in(CATALOGUE_FILE)) > 20
    module = tmp_path / "module.py"
    module.write_text(
        'A = "shared.forum.posts.v1"\nB = f"local.research.{A}.v1"\nC = f"{A}.shared"\nimport shared.clock\n'
        'D = "north.shared.forum.posts.v1"\nE = "dlq.forum"\n'
    )
    assert named_in(module) == [
        "shared.forum.posts.v1", "north.shared.forum.posts.v1", "dlq.forum", "local.research.",
    ]  # fmt: skip
