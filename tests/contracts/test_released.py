"""Released contracts stay as they are, and today's models read them (DESIGN §3)."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shared.contracts.payloads.payload import Fact, Payload
from shared.contracts.topics import CATALOGUE, research_topic
from tests.contracts import release
from tests.contracts.compatibility import breaks
from tests.contracts.examples import EXAMPLES, uuid
from tests.contracts.release import RELEASED, example, listed, present_schema, revisions, schema

PAYLOADS: set[type[Payload]] = {
    payload for topic in (*CATALOGUE, research_topic(uuid(10))) for payload in topic.payloads
}
MODELS = {model.type: model for model in PAYLOADS}
EVERY_REVISION = [
    (folder.name, revision)
    for folder in sorted(RELEASED.iterdir())
    if folder.is_dir()
    for revision in revisions(folder)
]


@pytest.mark.parametrize("type_", sorted(MODELS))
def test_every_payload_is_released_as_it_is(type_: str) -> None:
    model = MODELS[type_]
    folder = RELEASED / model.type
    assert revisions(folder), "python -m tests.contracts.release"
    assert schema(folder, revisions(folder)[-1]) == present_schema(model), "python -m tests.contracts.release"


@pytest.mark.parametrize(("type_", "revision"), EVERY_REVISION)
def test_todays_model_reads_every_released_example_and_loses_nothing(type_: str, revision: int) -> None:
    folder = RELEASED / type_
    text = example(folder, revision)
    read = json.loads(MODELS[type_].model_validate_json(text).model_dump_json())
    released: dict[str, Any] = json.loads(text)
    assert {name: read[name] for name in released} == released


def test_each_revision_only_adds_optional_fields() -> None:
    for type_, revision in EVERY_REVISION:
        if revision > 1:
            folder = RELEASED / type_
            assert breaks(schema(folder, revision - 1), schema(folder, revision)) == [], folder.name


def test_no_released_file_was_changed_taken_away_or_slipped_in() -> None:
    found = {f"{path.relative_to(RELEASED)}": release.checksum(path) for path in RELEASED.rglob("*.json")}
    assert found == dict(listed())


def test_every_example_fills_every_field() -> None:
    assert {type(example) for example in EXAMPLES} == PAYLOADS
    for filled in EXAMPLES:
        fields = type(filled).model_fields
        assert filled.model_fields_set == set(fields), filled.type
        same = [n for n, f in fields.items() if not f.is_required() and getattr(filled, n) == f.default]
        allowed = {"kind"}  # has one value so far
        assert set(same) <= allowed, filled.type


def test_types_say_what_happened_and_their_major_version() -> None:
    for model in PAYLOADS:
        assert model.type.startswith("peercafe.")
        assert model.type.endswith(".v1")
        assert model.type.split(".")[-2].endswith(("ed", "written", "given"))


# The guard itself, shown with what it must catch.


class Before(Fact):
    """As released."""

    type: ClassVar[str] = "peercafe.test.thing.changed.v1"
    kept: int
    optional: str = "a"


class Added(Before):
    """An optional addition."""

    new: str | None = None


class Removed(Fact):
    """A field is gone."""

    type: ClassVar[str] = Before.type
    kept: int


class Renamed(Fact):
    """A field changed its name."""

    type: ClassVar[str] = Before.type
    keeps: int
    optional: str = "a"


class Retyped(Fact):
    """A field changed its type."""

    type: ClassVar[str] = Before.type
    kept: str
    optional: str = "a"


class Demanding(Before):
    """A required addition."""

    new: str


class OtherDefault(Fact):
    """What an absent field means changed."""

    type: ClassVar[str] = Before.type
    kept: int
    optional: str = "b"


def test_an_optional_addition_is_released_as_another_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "EXAMPLES", (Before(kept=1, optional="x"),))
    assert len(release.release(tmp_path)) == 2
    assert release.release(tmp_path) == []
    monkeypatch.setattr(release, "EXAMPLES", (Added(kept=1, optional="x", new="y"),))
    assert release.release(tmp_path) == [f"{Before.type}/2.schema.json", f"{Before.type}/2.example.json"]
    assert len(list(listed(tmp_path))) == 4


@pytest.mark.parametrize("planted", [Removed, Renamed, Retyped, Demanding, OtherDefault])
def test_a_planted_break_is_caught(
    planted: type[Payload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "EXAMPLES", (Before(kept=1, optional="x"),))
    release.release(tmp_path)
    assert breaks(present_schema(Before), present_schema(planted))
    monkeypatch.setattr(release, "EXAMPLES", (planted.model_construct(kept=1, keeps=1, new="y"),))
    with pytest.raises(release.BreakingChange):
        release.release(tmp_path)
