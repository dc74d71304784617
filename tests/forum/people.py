"""Who acts in these tests: people with tokens, over HTTP."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
from fastapi import FastAPI

from services.forum.settings import Settings
from tests.engines import Engines
from tests.tokens import Issuer

T = TypeVar("T")
Json = dict[str, Any]


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 60) -> T:
    """Ask until the answer is good; fails with the last answer at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r}"
        await asyncio.sleep(0.02)


class Person:
    """Somebody with an alias and a role. Methods answer what the API answers, and fail on problems."""

    def __init__(self, place: "Place", role: str, name: str | None, alias: UUID | None = None) -> None:
        self.place, self.role, self.name = place, role, name
        self.alias = alias or uuid4()
        self.said: Json = {}  # what else their token says

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        token_name = self.name if self.role == "consultant" else None
        headers = self.place.issuer.bearer(
            "forum", alias=self.alias, role=self.role, name=token_name, **self.said
        )
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        return await self.place.client.request(method, path, json=body, headers=headers)

    async def do(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.is_success, f"{method}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def opens(
        self, title: str = "Mornings", body: str = "They are long.", wish: str = "listen"
    ) -> Json:
        thread: Json = await self.do("POST", "/threads", {"title": title, "wish": wish, "body": body})
        return thread

    async def replies(self, thread: Json, body: str = "I know that.") -> Json:
        post: Json = await self.do("POST", f"/threads/{thread['id']}/posts", {"body": body})
        return post

    async def reads(self, thread: Json, **query: object) -> Json:
        page: Json = await self.do("GET", f"/threads/{thread['id']}{_query(query)}")
        return page

    async def views(self, thread: Json, **query: object) -> Json:
        """Reads a page and says so, as clients do."""
        page = await self.reads(thread, **query)
        await self.shown(thread, page["posts"])
        return page

    async def shown(self, thread: Json, posts: list[Json]) -> None:
        ids = [post["id"] for post in posts]
        await self.do("PUT", f"/threads/{thread['id']}/read-mark", {"shown": ids})

    async def threads(self, **query: object) -> list[Json]:
        items: list[Json] = (await self.do("GET", f"/threads{_query(query)}"))["items"]
        return items

    async def for_you(self) -> list[Json]:
        items: list[Json] = (await self.do("GET", "/for-you"))["items"]
        return items

    async def finds(self, words: str) -> list[Json]:
        items: list[Json] = (await self.do("GET", f"/search?{httpx.QueryParams(q=words)}"))["items"]
        return items


class Place:
    """One running forum."""

    def __init__(self, app: FastAPI, issuer: Issuer, settings: Settings) -> None:
        self.app, self.issuer, self.settings = app, issuer, settings
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://forum"
        )

    async def __aenter__(self) -> Self:
        dsn = Engines.plain(self.settings.database_url.get_secret_value())
        self.database = await asyncpg.connect(dsn)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()
        await self.client.aclose()

    def newcomer(self, role: str = "member") -> Person:
        """Somebody without a forum name yet."""
        return Person(self, role, None)

    async def member(self, name: str) -> Person:
        person = Person(self, "member", name)
        await person.do("POST", "/profile", {"name": name})
        return person

    def consultant(self, name: str) -> Person:
        return Person(self, "consultant", name)

    async def rows(self, sql: str, *arguments: object) -> list[Json]:
        return [dict(row) for row in await self.database.fetch(sql, *arguments)]

    async def published(self, topic: str) -> list[tuple[str, Json]]:
        """(key, payload) of all that was put into the outbox for a topic, sent or not yet."""
        rows = await self.database.fetch(
            "SELECT key, payload, seq FROM outbox WHERE topic = $1"
            " UNION ALL SELECT key, payload, position FROM outbox_sent WHERE topic = $1 ORDER BY 3",
            topic,
        )
        return [(row["key"], json.loads(row["payload"])) for row in rows]


def _query(query: dict[str, object]) -> str:
    said = {k: v for k, v in query.items() if v is not None}
    return f"?{httpx.QueryParams(said)}" if said else ""  # type: ignore[arg-type]
