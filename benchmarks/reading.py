"""The thread page and the thread list against one raw query of the same rows."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

import json
from uuid import uuid4

import asyncpg

from benchmarks import load
from benchmarks.forum_alone import ForumAlone, caught_up, forum_alone
from benchmarks.lines import Line, Result, interleaved
from benchmarks.writing import spread
from tests.engines import Engines

PEER = "one raw asyncpg query of the same rows"
READS, POSTS, THREADS = 3_000, 20, 60

PAGE = Line("thread page of 20 posts (profiles, reactions, unread)", PEER, 0.30, 0.45)
LIST = Line("thread list of 30", PEER, 0.35, 0.50)

# The same rows as the member sees them: what is new to the reader ($1) is part of them.
NEW = """p.author_id IS DISTINCT FROM (SELECT profile_id FROM members WHERE alias = $1) AND NOT p.erased
        AND p.arrived_at > coalesce(m.read_until, '-infinity') AND p.id <> ALL (coalesce(m.shown, '{}'))"""
RAW_PAGE = f"""SELECT p.id, p.body_html, p.written, p.edited, q.name, q.mark, q.role,
        (SELECT count(*) FROM reactions r WHERE r.post_id = p.id AND NOT r.erased) AS reactions, {NEW} AS new
    FROM posts p JOIN profiles q ON q.id = p.author_id
    LEFT JOIN read_marks m ON m.alias = $1 AND m.thread_id = p.thread_id
    WHERE p.thread_id = $2 ORDER BY p.written, p.id LIMIT 20"""
RAW_LIST = f"""SELECT t.id, t.title, t.wish, a.replies, a.last_written, q.name, q.mark, q.role,
        EXISTS (SELECT FROM watching w WHERE w.alias = $1 AND w.thread_id = t.id) AS watching,
        EXISTS (SELECT FROM posts p WHERE p.thread_id = t.id AND {NEW}) AS unread
    FROM thread_activity a JOIN threads t ON t.id = a.thread_id JOIN profiles q ON q.id = t.author_id
    LEFT JOIN read_marks m ON m.alias = $1 AND m.thread_id = t.id
    ORDER BY a.last_written DESC, a.thread_id DESC LIMIT 30"""


async def fill(alone: ForumAlone) -> None:
    """Twenty posts by five people in each of a few threads, every third with a reaction; half of it was read."""
    people = [alone.issuer.bearer("forum", alias=uuid4()) for _ in range(5)]
    some = alone.threads[:10]

    def ask(method: str, path: str, who: dict[str, str], body: object) -> bytes:
        return load.request(
            method, path, who | {"Idempotency-Key": uuid4().hex}, json.dumps(body).encode() if body else b""
        )

    async with asyncpg.create_pool(alone.dsn, min_size=1, max_size=1) as database:
        names = ("Heron", "Otter", "Badger", "Curlew", "Lapwing")
        taken = [
            ask("POST", "/profile", who, {"name": f"Old {n}"}) for who, n in zip(people, names, strict=True)
        ]
        await load.run(alone.port, taken, expected=201)
        replies = [
            ask(
                "POST",
                f"/threads/{thread}/posts",
                people[number % 5],
                {"body": f"Reply {number} about *small* things. " * 8},
            )
            for number in range(POSTS - 1)
            for thread in some
        ]
        half = len(replies) // 2
        await load.run(alone.port, replies[:half], expected=201)
        last = await database.fetch(
            "SELECT DISTINCT ON (thread_id) thread_id, id FROM posts ORDER BY thread_id, written DESC, id DESC"
        )
        marks = [
            ask("PUT", f"/threads/{row['thread_id']}/read-mark", alone.headers, {"upto": str(row["id"])})
            for row in last
        ]
        await load.run(alone.port, marks, expected=204)
        await load.run(alone.port, replies[half:], expected=201)
        posts = await database.fetch("SELECT id FROM posts WHERE NOT opening ORDER BY id")
        thanks = [
            ask("PUT", f"/posts/{row['id']}/reactions/thanks", alone.headers, None) for row in posts[::3]
        ]
        await load.run(alone.port, thanks, expected=204)
        await caught_up(alone)
        await database.execute("VACUUM ANALYZE")  # as autovacuum does within the minute


async def measure(engines: Engines) -> list[Result]:
    """The lines of reading."""
    async with (
        forum_alone(engines, threads=THREADS) as alone,
        asyncpg.create_pool(
            alone.dsn,
            min_size=load.CONNECTIONS,
            max_size=load.CONNECTIONS,
            server_settings={"random_page_cost": "1.1"},  # as the forum's own
        ) as pool,
    ):
        await fill(alone)
        some = alone.threads[:10]

        async def pages() -> float:
            headers = alone.headers
            paths = [f"/threads/{some[n % 10]}?limit=20" for n in range(READS)]
            done = await load.run(alone.port, [load.request("GET", p, headers) for p in paths], expected=200)
            latencies["thread page"] = done.latencies
            return done.rate

        async def lists() -> float:
            asked = [load.request("GET", "/threads?limit=30", alone.headers)] * READS
            done = await load.run(alone.port, asked, expected=200)
            latencies["thread list"] = done.latencies
            return done.rate

        async def raw_page(number: int) -> None:
            rows = await pool.fetch(RAW_PAGE, alone.alias, some[number % 10])
            assert len(rows) == POSTS

        async def raw_list(_number: int) -> None:
            assert len(await pool.fetch(RAW_LIST, alone.alias)) == 30

        latencies: dict[str, list[float]] = {}
        for warm in (pages, lists):
            await warm()
        page = await interleaved(PAGE, pages, lambda: spread(READS, raw_page))
        listing = await interleaved(LIST, lists, lambda: spread(READS, raw_list))
        page.latencies = latencies
        return [page, listing]
