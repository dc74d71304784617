"""Routes called directly answer every request as FastAPI's own do, and are described alike."""

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from shared.api import problems, routes
from shared.api.idempotency import IdempotencyKey
from shared.api.pages import Limit
from shared.api.text import Line

ID = "/notes/0a8b1f3e-6d0c-4a7e-9d52-0f2f6c0f5f11"
KEY = {"Idempotency-Key": "a-key-of-sixteen"}
JSON = {"Content-Type": "application/json"} | KEY


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    line: Line


class Teapot(problems.Problem):
    status = 418
    type = "teapot"
    title = "I'm a teapot."


async def told_by(request: Request) -> str:
    name = request.headers.get("name", "nobody")
    if name == "teapot":
        raise Teapot("Short and stout.", headers={"Retry-After": "3"})
    return name


async def unit_of_work(request: Request) -> AsyncIterator[list[str]]:
    done: list[str] = request.app.state.done
    try:
        yield done
    except Exception as error:
        done.append(f"undone: {type(error).__name__}")
        raise
    done.append("done")


Name = Annotated[str, Depends(told_by)]
Work = Annotated[list[str], Depends(unit_of_work, scope="function")]


def service(router: APIRouter) -> FastAPI:
    app = FastAPI()
    app.state.done = []
    problems.install(app)

    @router.post("/notes/{note_id}", status_code=201, response_model=Note)
    async def write(note_id: UUID, note: Note, work: Work, name: Name, key: IdempotencyKey) -> Response:
        if note.line == "teapot":
            raise Teapot()
        if note.line == "bug":
            raise RuntimeError("a secret in a message")
        work.append("wrote")
        return Response(json.dumps([str(note_id), note.line, name, key]), 201, media_type="application/json")

    @router.get("/notes/{note_id}", response_model=Note)
    async def read(note_id: UUID, name: Name, after: UUID | None = None, limit: Limit = 20) -> Response:
        return Response(json.dumps([str(note_id), name, str(after), limit]), media_type="application/json")

    @router.get("/words", response_model=Note)
    async def search(q: Annotated[str, Query(min_length=2)], name: Name) -> Response:
        return Response(q)

    @router.put("/notes/{note_id}", status_code=204)
    async def mark(note_id: UUID, work: Work) -> None:
        work.append("marked")

    return app


@pytest.fixture
def both() -> tuple[FastAPI, FastAPI]:
    """The same service, its routes called by FastAPI and directly."""
    usual, direct = APIRouter(tags=["notes"]), routes.router("notes")
    apps = service(usual), service(direct)
    apps[0].include_router(usual)
    routes.install(apps[1], [direct])
    served = [route for route in direct.routes if isinstance(route, routes.PlainRoute) and route.is_direct]
    assert [route.endpoint.__name__ for route in served] == ["write", "read", "search"]
    return apps


async def ask(app: FastAPI, method: str, path: str, headers: dict[str, str], body: bytes) -> list[object]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes") as client:
        answer = await client.request(method, path, headers=headers, content=body)
    return [answer.status_code, dict(answer.headers), answer.text, app.state.done]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", ID, JSON, b'{"line": "kept"}'),
        ("POST", ID, JSON | {"name": "Kari"}, b'{"line": " \\u00e5  b "}'),
        ("POST", ID, JSON | {"name": "teapot"}, b'{"line": "kept"}'),
        ("POST", ID, JSON | {"name": "teapot"}, b"{"),
        ("POST", ID, JSON | {"name": "teapot"}, b"{}"),
        ("POST", ID, JSON, b'{"line": "teapot"}'),
        ("POST", ID, JSON, b'{"line": "bug"}'),
        ("POST", ID, JSON, b'{"line": ""}'),
        ("POST", ID, JSON, b'{"line": 1, "more": 2}'),
        ("POST", ID, JSON, b"{}"),
        ("POST", ID, JSON, b"null"),
        ("POST", ID, JSON, b"[]"),
        ("POST", ID, JSON, b""),
        ("POST", ID, JSON, b'{"line": '),
        ("POST", ID, JSON, b"\xff\xfe"),
        ("POST", ID, JSON, b"[" * 100_000),
        ("POST", ID, KEY, b'{"line": "kept"}'),
        ("POST", ID, KEY | {"Content-Type": "text/plain"}, b'{"line": "kept"}'),
        ("POST", ID, KEY | {"Content-Type": "application/merge+json; charset=utf-8"}, b'{"line": "kept"}'),
        ("POST", ID, KEY | {"Content-Type": "nonsense"}, b'{"line": "kept"}'),
        ("POST", ID, {"Content-Type": "application/json"}, b'{"line": "kept"}'),
        ("POST", ID, JSON | {"Idempotency-Key": "short"}, b'{"line": ""}'),
        ("POST", "/notes/none", JSON | {"Idempotency-Key": "short"}, b'{"line": ""}'),
        ("PUT", ID, {}, b""),
        ("PUT", "/notes/none", {}, b""),
        ("DELETE", ID, {}, b""),
        ("GET", ID, {}, b""),
        ("GET", ID + "?limit=7&after=0a8b1f3e-6d0c-4a7e-9d52-0f2f6c0f5f11", {"name": "Kari"}, b""),
        ("GET", ID + "?limit=0&after=x&limit=8", {}, b""),
        ("GET", ID + "?limit=", {}, b""),
        ("GET", "/notes/none?limit=x", {"name": "teapot"}, b""),
        ("GET", ID + "/", {}, b""),
        ("HEAD", ID, {}, b""),
        ("GET", "/words?q=ab", {}, b""),
        ("GET", "/words?q=a", {}, b""),
        ("GET", "/words", {}, b""),
        ("GET", "/nothing", {}, b""),
    ],
)
async def test_a_request_is_answered_as_fastapi_would(
    both: tuple[FastAPI, FastAPI], method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    usual, direct = [await ask(app, method, path, headers, body) for app in both]
    assert direct == usual


def test_both_are_described_alike(both: tuple[FastAPI, FastAPI]) -> None:
    usual, direct = both
    assert direct.openapi() == usual.openapi()
