"""DESIGN §1, rule 5: nothing personal in any log of a region, its engines' included."""

import base64
import json
from uuid import uuid4

import asyncpg

from tests.people import PASSPHRASE, People, a_name

WORDS = "the canary sings at 47 Nowhere Lane, call 912 34 567, canary@example.org"


def _subject(token: str) -> str:
    body = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])


async def test_no_log_of_services_or_engines_says_who_did_what_or_what_was_written(people: People) -> None:
    region = people.region
    operator = await people.operator()
    community = await people.community(operator)
    forum_name = a_name("Canary")
    member = await operator.invites("member", [community], forum_name=forum_name)
    thread = await member.makes("forum", "/threads", {"title": WORDS, "wish": "listen", "body": WORDS})
    for path, body in (
        ("/threads", {"title": WORDS + "\u202e", "wish": "listen", "body": WORDS}),
        (f"/threads/{WORDS}/posts", {"body": WORDS}),
        (f"/threads/{thread['id']}/posts", {"body": WORDS, "canary": WORDS}),
    ):
        refused = await member.asks(
            "POST", "forum", path, json=body, headers={"Idempotency-Key": uuid4().hex}
        )
        assert refused.status_code in (404, 422)
    await member.reads("forum", "/search", q=WORDS)
    await people.http.post(
        "/api/identity/sessions",
        json={"sign_in_name": member.sign_in_name, "passphrase": WORDS, "client_id": "app"},
    )
    # A statement that PostgreSQL itself refuses, with a text that must not come into its log.
    connection = await asyncpg.connect(region.engines["postgres"]["forum"])
    try:
        for statement in ("SELECT $1::text::int", "SELECT no_such_function($1::text)"):
            try:
                await connection.fetchval(statement, WORDS)
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                continue
            raise AssertionError("PostgreSQL was meant to refuse this")
    finally:
        await connection.close()
    token = await member.token("forum")
    secrets = {
        "canary",
        "912 34 567",
        forum_name.lower(),
        member.sign_in_name.lower(),
        PASSPHRASE,
        token.split(".")[2].lower(),
        _subject(token),
        _subject(await member.token("identity")),
        member.session.lower(),
    }
    logs = {path.name: path.read_text("utf-8", "replace").lower() for path in region.data.rglob("*.log")}
    assert {"peercafe.log", "kafka.log", "redis.log", "postgres-forum.log"} <= logs.keys()
    said = region.said.lower()
    found = [
        (name, secret)
        for name, text in (logs | {"output": said}).items()
        for secret in secrets
        if secret in text
    ]
    assert not found
