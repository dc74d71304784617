"""Digests are of weeks that there can be: what is decided about ids of others isn't summed up, or told again and again."""

from uuid import UUID, uuid4

from sqlalchemy import text

from services.forum.digests.summing import sum_everything
from services.forum.rules.buckets import TIME_BITS, WEEK_MS, bucket_of
from tests.forum.people import Place
from tests.forum.records import Applying, Region

LATER = 300_000  # a week after all clocks here


def of_week(week: int) -> UUID:
    """An id that says it was made then: targets of decisions needn't be hashes."""
    return UUID(int=week * WEEK_MS << TIME_BITS | uuid4().int >> (128 - TIME_BITS))


async def noted(applying: Applying) -> set[tuple[str, int]]:
    """All that is to be summed up; nothing is, afterwards."""
    async with applying.sessions() as session, session.begin():
        return {
            tuple(row)
            for row in await session.execute(text("DELETE FROM buckets_to_sum RETURNING kind, bucket"))
        }


async def test_decisions_about_ids_of_the_future_make_no_digests(forum: Place, applying: Applying) -> None:
    south = Region()
    thread = south.thread()
    there_is = ("moderation", bucket_of("moderation", thread.id))
    targets = [of_week(LATER + week) for week in range(20)]
    await applying.south(*(south.hides(target, "x") for target in (*targets, thread.id)))
    assert await noted(applying) == {there_is}

    # As from before this was so.
    await applying.execute(
        "INSERT INTO digests (home, kind, bucket) VALUES (:home, 'moderation', :bucket)",
        home="south",
        bucket=LATER,
    )
    async with applying.sessions() as session, session.begin():
        await sum_everything(session)
    assert await noted(applying) == {there_is}
