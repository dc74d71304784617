"""Every problem that can be met stands in docs/problems.md, by its slug; none stands anywhere that can't be met."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.web.words import PROBLEMS
from tests.web.test_words import NOT_FOR_PAGES

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("services", "shared", "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"web", "contracts"} & set(path.parts)
]
ANSWERING = ("problem_response", "_refuse")
# Made by Starlette's own refusals, out of the status's phrase (shared/api/problems.py).
OF_STATUSES = {"not-found", "method-not-allowed", "bad-request"}


def classes_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(class, slug) of every class with a `type` and a `title` of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            said = {
                target.id: statement.value.value
                for statement in node.body
                if isinstance(statement, ast.Assign | ast.AnnAssign)
                and isinstance(statement.value, ast.Constant)
                for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
                if isinstance(target, ast.Name)
            }
            if isinstance(said.get("type"), str) and "title" in said:
                yield node.name, str(said["type"])


def answered_in(tree: ast.Module) -> Iterator[str]:
    """Slugs that are answered without a class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ANSWERING:
            slugs = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from slugs[:1]


def documented() -> set[str]:
    return set(
        re.findall(r"^\| `([a-z0-9-]+)` \|", (ROOT / "docs" / "problems.md").read_text(), re.MULTILINE)
    )


def test_every_problem_is_described_and_every_description_can_be_met() -> None:
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    slugs = {slug for tree in trees for _, slug in classes_in(tree)}
    slugs |= {slug for tree in trees for slug in answered_in(tree)} | OF_STATUSES
    assert len(slugs) > 60
    assert sorted(slugs ^ documented()) == []
    assert sorted((PROBLEMS.keys() | NOT_FOR_PAGES) - slugs) == [], "words for what no service says"


def test_every_problem_is_raised_somewhere() -> None:
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    used = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert sorted({name for tree in trees for name, _ in classes_in(tree)} - used) == []
