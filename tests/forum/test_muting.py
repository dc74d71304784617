"""Regions whose decisions operators mute: nothing of what they decide counts here, until they are heard again."""

from typing import Any
from uuid import UUID

import pytest

from services.forum.use_cases import muting
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying, Region


async def mute(applying: Applying, region: str = SOUTH) -> None:
    async with applying.sessions() as session, session.begin():
        await muting.mute(session, "north", [SOUTH], region)
    await tell(applying, region)


async def unmute(applying: Applying, region: str = SOUTH) -> None:
    async with applying.sessions() as session, session.begin():
        await muting.unmute(session, region)
    await tell(applying, region)


async def tell(applying: Applying, region: str) -> None:
    after: str | None = ""
    while after is not None:
        async with applying.sessions() as session, session.begin():
            after = await muting.tell_some(session, region, after)


async def hidden(person: Person, thread: dict[str, Any]) -> list[bool]:
    return [post["hidden"] for post in (await person.reads(thread))["posts"]]


async def test_a_neighbour_that_hides_every_post_is_muted_and_heard_again(
    forum: Place, ada: Person, bo: Person, applying: Applying
) -> None:
    south = Region()
    thread = await ada.opens()
    replies = [await bo.replies(thread, str(n)) for n in range(3)]
    await applying.south(
        south.hides(UUID(thread["id"]), "so"), *(south.hides(UUID(r["id"]), "so") for r in replies)
    )
    assert await hidden(ada, thread) == [True] * 4
    assert len(await bo.for_you()) == 3

    await mute(applying)
    assert await hidden(ada, thread) == [False] * 4
    assert [t["hidden"] for t in await bo.threads()] == [False]
    assert {item["kind"] for item in await bo.for_you()} == {"restored"}
    assert len(await bo.finds("mornings")) == 1
    late = await bo.replies(thread, "later")
    await applying.south(south.hides(UUID(late["id"]), "again"))
    assert await hidden(ada, thread) == [False] * 5
    await mute(applying)  # nothing more

    await unmute(applying)
    assert await hidden(ada, thread) == [True] * 5
    assert {item["kind"] for item in await bo.for_you()} == {"hidden"}
    events = [row["event"] for row in await forum.rows("SELECT event FROM security_log ORDER BY event")]
    assert events == ["region-muted-south", "region-unmuted-south"]


async def test_a_muted_home_doesnt_lift_what_consultants_here_hid(
    forum: Place, ada: Person, kari: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    post = south.post(thread.id, "Insults")
    await applying.south(south.profile(), thread, post)
    await kari.do("POST", f"/posts/{post.id}/hides", {"reason": "insults"})
    [hide] = await forum.rows("SELECT hide_ids[1] AS id FROM moderation")
    await mute(applying)
    await applying.south(south.hides(post.id, lifts=(hide["id"],)))
    assert await hidden(ada, {"id": thread.id}) == [True]
    await unmute(applying)
    assert await hidden(ada, {"id": thread.id}) == [False]


async def test_only_another_region_that_is_known_can_be_muted(applying: Applying) -> None:
    for nobody in ("north", "suoth"):
        with pytest.raises(muting.UnknownRegion):
            await mute(applying, nobody)
    with pytest.raises(muting.UnknownRegion):
        await unmute(applying)
