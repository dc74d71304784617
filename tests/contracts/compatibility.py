"""Which changes of a payload's schema its released consumers and records survive: optional additions only."""

from collections.abc import Mapping
from typing import Any

WORDS = ("title", "description")  # say nothing about the data


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What of `new` an old consumer or an old record doesn't stand, in words; empty when nothing."""
    found = _object_breaks("", old, new)
    definitions = new.get("$defs", {})
    for name, definition in old.get("$defs", {}).items():
        if name not in definitions:
            found.append(f"{name} is gone")
        else:
            found += _object_breaks(f"{name}.", definition, definitions[name])
    return found


def _object_breaks(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    fields, present = old.get("properties", {}), new.get("properties", {})
    for name, field in fields.items():
        if name not in present:
            found.append(f"{where}{name} is gone")
        elif _data(field) != _data(present[name]):
            found.append(f"{where}{name} changed")
    before, now = set(old.get("required", [])), set(new.get("required", []))
    found += [f"{where}{name} is required now" for name in sorted(now - before)]
    found += [f"{where}{name} isn't required any more" for name in sorted(before - now)]
    rest = {key for key in {*old, *new} if key not in {"properties", "required", "$defs", *WORDS}}
    found += [f"{where}{key} changed" for key in sorted(rest) if old.get(key) != new.get(key)]
    return found


def _data(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _data(value) for key, value in schema.items() if key not in WORDS}
    if isinstance(schema, list):
        return [_data(value) for value in schema]
    return schema
