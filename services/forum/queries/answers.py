"""What reads answer, as JSON and in pages."""

from typing import Any

import orjson


def to_json(content: object) -> bytes:
    """JSON bytes; asyncpg's UUIDs and our times included."""
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS)


def page(items: list[dict[str, Any]], limit: int) -> dict[str, object]:
    """As `shared.api.pages.page_of`, but of rows that are serialised as they are: models would cost too much here."""
    shown = items[:limit]
    return {"items": shown, "next": shown[-1]["id"] if len(items) > limit else None}
