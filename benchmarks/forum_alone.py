"""The forum in a process of its own on real engines, with threads, posts and people, for the forum's lines."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx

from benchmarks import load
from deploy.embedded.ports import free_port
from tests.engines import Engines
from tests.tokens import Issuer

ROOT = Path(__file__).parents[1]
SECRET = "for benchmarks, thirty-two bytes at least"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NO_LIMIT = '{"rate": 1000000, "burst": 1000000}'


@dataclass
class ForumAlone:
    """A running forum. `dsn` is plain; `threads` are ids of threads with one opening each, by `alias`."""

    port: int
    dsn: str
    issuer: Issuer
    alias: UUID
    members: list[UUID]  # each with a name, who have written nothing yet
    threads: list[str]

    @property
    def headers(self) -> dict[str, str]:
        return self.issuer.bearer("forum", alias=self.alias)

    def replies(self, count: int) -> list[bytes]:
        """Requests that each write a new reply, over all threads and members in turn, each with a new token of theirs."""
        headers = [self.issuer.bearer("forum", alias=alias) for alias in self.members]
        return [
            load.request(
                "POST",
                f"/threads/{self.threads[number % len(self.threads)]}/posts",
                headers[self.turn_of(number)] | {"Idempotency-Key": uuid4().hex},
                json.dumps(
                    {"body": f"Good morning to you all, number {number}. It rains here. " * 3}
                ).encode(),
            )
            for number in range(count)
        ]

    def turn_of(self, number: int) -> int:
        """Whose reply it is: each round of the threads begins with another member."""
        return (number + number // len(self.threads)) % len(self.members)


@asynccontextmanager
async def forum_alone(
    engines: Engines, *, threads: int, members: int = 0, env: Mapping[str, str] | None = None
) -> AsyncIterator[ForumAlone]:
    """A forum with relay and consumers on, its limits checked but too high to bite; `env`: settings of its own."""
    await engines.topics_applied()
    dsn = await engines.database("forum")
    issuer, port, keys_port = Issuer(), free_port(), free_port()
    keys = await asyncio.start_server(_serve_keys(issuer), "127.0.0.1", keys_port)
    settings = {
        "REGION": "north",
        "REGION_FILE": str(ROOT / "deploy" / "regions" / "north.toml"),
        "DATABASE_URL": dsn,
        "REDIS_URL": engines.redis_url("forum"),
        "KAFKA__BOOTSTRAP_SERVERS": engines.kafka,
        "IDENTITY_URL": f"http://127.0.0.1:{keys_port}",
        "SECRET": SECRET,
        "POSTS": NO_LIMIT,
        "THREADS": NO_LIMIT,
        "READS": NO_LIMIT,
        "DATABASE_POOL": str(load.CONNECTIONS),
        **(env or {}),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.command.main", "serve", "forum", "--port", str(port)),
        cwd=ROOT,
        env=os.environ | {f"PEERCAFE_FORUM_{name}": value for name, value in settings.items()},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        alone = ForumAlone(port, engines.plain(dsn), issuer, uuid4(), [uuid4() for _ in range(members)], [])
        await _open(alone, threads)
        yield alone
    finally:
        process.terminate()
        await process.wait()
        keys.close()
        await keys.wait_closed()


async def caught_up(alone: ForumAlone) -> None:
    """Wait until everything written was published and read back."""
    connection = await asyncpg.connect(alone.dsn)
    try:
        while await connection.fetchval(
            "SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM posts WHERE announced_at IS NULL)"
        ):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _open(alone: ForumAlone, threads: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{alone.port}", timeout=30) as client:
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await client.get("/health/ready")).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        limited = asyncio.Semaphore(8)

        async def name(alias: UUID, name: str) -> None:
            async with limited:
                named = await client.post(
                    "/profile", json={"name": name}, headers=alone.issuer.bearer("forum", alias=alias)
                )
            named.raise_for_status()

        await name(alone.alias, "Benchmark Heron")
        await asyncio.gather(*(name(alias, f"Heron {n}") for n, alias in enumerate(alone.members, start=1)))

        async def open_thread(number: int) -> str:
            body = {"title": f"Thread number {number}", "wish": "listen", "body": "Once upon a time."}
            async with limited:
                made = await client.post(
                    "/threads", json=body, headers=alone.headers | {"Idempotency-Key": uuid4().hex}
                )
            made.raise_for_status()
            return str(made.json()["id"])

        alone.threads = await asyncio.gather(*map(open_thread, range(threads)))
    await caught_up(alone)


def _serve_keys(issuer: Issuer) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(issuer.jwks()).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    return serve
