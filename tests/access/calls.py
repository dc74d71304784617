"""A call of an endpoint as the table names it, with ids of nothing and an empty body."""

import re
from typing import Any
from uuid import uuid4


def request_of(endpoint: str, headers: dict[str, str], *, base: str = "") -> dict[str, Any]:
    """Arguments for httpx's `request`: roles are checked before ids and bodies are looked at."""
    method, _, path = endpoint.partition(" ")
    path = re.sub(r"\{\w+\}", str(uuid4()), path.replace("{kind}", "thanks"))
    return {
        "method": method,
        "url": base + path,
        "headers": {"Idempotency-Key": uuid4().hex, "Content-Type": "application/json"} | headers,
        "content": b"{}" if method in ("POST", "PUT") else None,
    }
