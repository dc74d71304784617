"""Threads loaded from a file stand in the forum as they were: every one, each reply in its place, nothing turned."""

from typing import Any
from uuid import uuid4

from replay.threads import Loaded, load
from tests.people import People, Person

MEMBERS = 5


async def invitation_of(operator: Person) -> str:
    batch = {"role": "operator", "communities": [], "count": 1, "days": 1}
    made = await operator.makes("identity", "/invitations", batch)
    return str(made["invitations"][0])


async def all_threads(reader: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await reader.reads("forum", "/threads", limit=100, **after)
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


async def test_every_thread_has_its_replies_in_their_order(people: People) -> None:
    operator = await people.operator()
    mark = uuid4().hex[:8]
    threads = [
        Loaded(
            f"{mark} question {number}",
            "Is it &amp; or *and*? <b>x</b>",
            tuple(f"answer {i}" for i in range(number)),
        )
        for number in range(12)
    ]
    await load(people.region.url, await invitation_of(operator), threads, MEMBERS)
    reader = await operator.invites("member", [await people.community(operator)])
    shown = {thread["title"]: thread for thread in await all_threads(reader)}
    for number, thread in enumerate(threads):
        listed = shown[thread.title]
        assert (listed["replies"], listed["wish"]) == (number, "advice")
        page = await reader.reads("forum", f"/threads/{listed['id']}")
        opening, *replies = page["posts"]
        assert "<b>" not in opening["body_html"]
        assert [f"answer {i}" in reply["body_html"] for i, reply in enumerate(replies)] == [True] * number
