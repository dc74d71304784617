"""A forum's tables filled as years of writing would leave them: whole and consistent, but not by writing it all."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

A_PAGE, A_SHORT_THREAD = 20, 10
WRITERS = 200

# Thread n: the first is the long one, then so many of a page each, then short ones. `since` ms between threads.
SIZES = """CREATE TEMPORARY TABLE sizes AS
    SELECT n, uuidv7() AS id, CASE WHEN n = 1 AND $3::int > 0 THEN $3::int WHEN n <= $2 + 1 THEN 20 ELSE 10 END AS posts,
        (1767225600000 + abs(hashint8(n)) % 25000000000) AS ms
    FROM generate_series(1, $1) n"""
PROFILES = """INSERT INTO profiles (id, nonce, home, version, erased, projection, arrived_at, role, name, skeleton, mark)
    SELECT gen_random_uuid(), '\\x00', 'north', 1, false, 1, TIMESTAMPTZ '2026-01-01', 'member', 'Heron ' || n,
        'heron' || n, n FROM generate_series(1, $1) n"""
WRITERS_OF = "CREATE TEMPORARY TABLE writers AS SELECT id, row_number() OVER () - 1 AS n FROM profiles"
THREADS = """INSERT INTO threads
    (id, nonce, home, version, erased, projection, arrived_at, author_id, author_nonce, title, wish)
    SELECT s.id, '\\x00', 'north', s.ms << 16, false, 1, to_timestamp(s.ms / 1000.0), w.id, '\\x00',
        'About small things, number ' || s.n, 'listen'
    FROM sizes s JOIN writers w ON w.n = s.n % (SELECT count(*) FROM writers)"""
POSTS = """INSERT INTO posts
    (id, nonce, home, version, erased, projection, arrived_at, author_id, author_nonce, thread_id, written, opening,
    edited, body, body_html, announced_at, counted)
    SELECT uuidv7(), '\\x00', 'north', p.ms << 16, false, 1, to_timestamp(p.ms / 1000.0), w.id, '\\x00', p.thread_id,
        p.ms << 16, p.k = 0, false, p.body, '<p>' || p.body || '</p>', to_timestamp(p.ms / 1000.0), true
    FROM (SELECT s.id AS thread_id, s.n + k AS number, k, s.ms + k * 60000 AS ms,
            repeat('Good morning to you all. It rains here, number ' || k || '. ', 4) AS body
        FROM sizes s CROSS JOIN LATERAL generate_series(0, s.posts - 1) k) p
    JOIN writers w ON w.n = p.number % (SELECT count(*) FROM writers)"""
ACTIVITY = """INSERT INTO thread_activity (thread_id, replies, last_written, first_writer, answered)
    SELECT s.id, s.posts - 1, (s.ms + (s.posts - 1) * 60000) << 16, t.author_id, true
    FROM sizes s JOIN threads t ON t.id = s.id"""
REACTIONS = """INSERT INTO reactions
    (id, nonce, home, version, erased, projection, arrived_at, author_id, author_nonce, post_id, kind)
    SELECT uuidv7(), '\\x00', 'north', p.version + 1, false, 1, p.arrived_at, w.id, '\\x00', p.id, 'thanks'
    FROM posts p JOIN writers w ON w.n = abs(hashint8(p.written)) % 200 WHERE p.written / 65536 % 3 = 0"""
MARKS = """INSERT INTO read_marks (alias, thread_id, read_until, shown, opened_at)
    SELECT $1, id, TIMESTAMPTZ '2026-11-21', '{}', TIMESTAMPTZ '2026-11-21' FROM sizes WHERE n % 2 = 1"""


@dataclass(frozen=True)
class Filled:
    """Threads to ask for: some of a page of posts each, and the long one, if there is one."""

    threads: list[UUID]
    long_thread: UUID | None


async def fill(dsn: str, reader: UUID, *, posts: int, long_thread: int = 0) -> Filled:
    """So many posts in a twentieth as many threads, one of them of `long_thread` posts; half of them read."""
    threads = posts // A_PAGE
    shorter = long_thread and threads - 1
    of_a_page = (
        (posts - long_thread - A_SHORT_THREAD * shorter) // (A_PAGE - A_SHORT_THREAD) if shorter else threads
    )
    connection = await asyncpg.connect(dsn, command_timeout=600, server_settings={"transaction_timeout": "0"})
    try:
        await connection.execute(PROFILES, WRITERS)
        await connection.execute(WRITERS_OF)
        await connection.execute(SIZES, threads, of_a_page, long_thread)
        for statement in (THREADS, POSTS, ACTIVITY, REACTIONS):
            await connection.execute(statement)
        await connection.execute(MARKS, reader)
        await connection.execute("VACUUM ANALYZE")
        found = await connection.fetch(
            "SELECT id FROM sizes WHERE posts = $1 ORDER BY hashint8(n) LIMIT 50", A_PAGE
        )
        longest = await connection.fetchval("SELECT id FROM sizes WHERE posts > $1", A_PAGE)
        return Filled([row["id"] for row in found], longest)
    finally:
        await connection.close()
