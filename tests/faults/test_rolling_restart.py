"""One service in a process of its own, replaced again and again while people write."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.embedded.ports import free_port
from tests import tried
from tests.engines import Engines
from tests.forum.conftest import REGION_FILE
from tests.tokens import Issuer

ROOT = Path(__file__).parents[2]
RESTARTS = 2
WRITERS = 4
PAUSE = 0.01
GRACE = 15.0  # seconds from the signal to the end
SERVE = "from deploy.command.main import app; app()"


class Forums:
    """Processes of the forum, as a container runs them."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self.running: list[tuple[subprocess.Popen[bytes], str]] = []

    async def start(self, instance: str) -> None:
        """One more, ready for requests."""
        port = free_port()
        process = subprocess.Popen(  # noqa: ASYNC220 - waits for nothing
            [sys.executable, "-c", SERVE, "serve", "forum", "--port", str(port)],
            cwd=ROOT,
            env=os.environ | self._env | {"PEERCAFE_FORUM_INSTANCE": instance},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(60):
            while True:
                assert process.poll() is None, "it ended while starting"
                try:
                    if (await client.get("/health/ready")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        self.running.append((process, url))

    async def replace_oldest(self, instance: str) -> None:
        """Start the successor, then end the oldest, which must go in peace within GRACE."""
        await self.start(instance)
        process, _ = self.running.pop(0)
        process.send_signal(signal.SIGTERM)
        # uvicorn raises the signal once more when all is closed; whoever doesn't end by then raises TimeoutExpired.
        assert await asyncio.to_thread(process.wait, GRACE) == -signal.SIGTERM

    def kill(self) -> None:
        for process, _ in self.running:
            process.kill()
            process.wait()


class Writers:
    """People who write through the newest process, and ask once more under the same key where no answer came."""

    def __init__(self, forums: Forums, issuer: Issuer) -> None:
        self._forums = forums
        self._issuer = issuer
        self.answers: Counter[int] = Counter()
        self.cut = 0  # requests without an answer
        self.acknowledged: list[str] = []
        self.stopping = False

    async def write(self, client: httpx.AsyncClient, thread: str, bearer: dict[str, str]) -> None:
        while not self.stopping:
            body, key = f"A word {uuid4().hex}", uuid4().hex
            while True:
                url = self._forums.running[-1][1]
                try:
                    answer = await client.post(
                        f"{url}/threads/{thread}/posts",
                        json={"body": body},
                        headers=bearer | {"Idempotency-Key": key},
                    )
                except httpx.TransportError:
                    self.cut += 1
                    await asyncio.sleep(PAUSE)
                    continue
                self.answers[answer.status_code] += 1
                if answer.status_code == 201:
                    self.acknowledged.append(body)
                    break
            await asyncio.sleep(PAUSE)


@pytest.mark.timeout(240)
async def test_of_processes_replaced_under_load_whoever_asks_again_gets_everything_written_once(
    engines: Engines,
) -> None:
    from tests.bus.conftest import eventually

    await engines.topics_applied()
    issuer = Issuer()
    dsn = await engines.database("forum")
    async with serving_keys(issuer) as identity_url:
        forums = Forums(
            {
                "PEERCAFE_FORUM_REGION_FILE": str(REGION_FILE),
                "PEERCAFE_FORUM_DATABASE_URL": dsn,
                "PEERCAFE_FORUM_REDIS_URL": engines.redis_url("forum"),
                "PEERCAFE_FORUM_IDENTITY_URL": identity_url,
                "PEERCAFE_FORUM_KAFKA__BOOTSTRAP_SERVERS": engines.kafka,
                "PEERCAFE_FORUM_SECRET": "for tests, thirty-two bytes at least",
                "PEERCAFE_FORUM_POSTS__RATE": "10000",
                "PEERCAFE_FORUM_POSTS__BURST": "10000",
            }
        )
        database = await asyncpg.connect(engines.plain(dsn))
        try:
            await forums.start("0")
            async with httpx.AsyncClient(timeout=30) as client:
                bearer = issuer.bearer("forum", alias=uuid4())
                thread = await _thread(client, forums.running[0][1], bearer)
                writers = Writers(forums, issuer)
                tasks = [asyncio.create_task(writers.write(client, thread, bearer)) for _ in range(WRITERS)]
                for number in range(RESTARTS):
                    wanted = len(writers.acknowledged) + 50
                    await eventually(lambda wanted=wanted: len(writers.acknowledged) > wanted)  # type: ignore[misc]
                    await forums.replace_oldest(str((number + 1) % 2))
                writers.stopping = True
                await asyncio.gather(*tasks)
            assert set(writers.answers) == {201}, writers.answers
            assert writers.cut <= WRITERS * RESTARTS, "of each connection only the end is lost"
            bodies = Counter(
                row["body"] for row in await database.fetch("SELECT body FROM posts WHERE NOT opening")
            )
            assert bodies == Counter(writers.acknowledged), "each once, and nothing else"

            async def all_published() -> bool:
                return not await database.fetchval("SELECT count(*) FROM outbox")

            await eventually(all_published)
            tried.count("faults", "rolling restarts", RESTARTS)
        finally:
            forums.kill()
            await database.close()


async def _thread(client: httpx.AsyncClient, url: str, bearer: dict[str, str]) -> str:
    opening = {"title": "Mornings", "wish": "listen", "body": "They are long."}
    for path, body in (("/profile", {"name": "Ada"}), ("/threads", opening)):
        headers = bearer | {"Idempotency-Key": uuid4().hex}
        answer = await client.post(url + path, json=body, headers=headers)
        assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return str(made["id"])


def serving_keys(issuer: Issuer) -> Any:
    """Identity's public keys at a URL, as an async context."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def serving() -> Any:
        import json

        body = json.dumps(issuer.jwks()).encode()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    return serving()
