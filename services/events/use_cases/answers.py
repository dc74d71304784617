"""Answering a café: come along, maybe, not this time, and on the day: today isn't a good day."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.answers import Answer, Wish
from services.events.policy.callers import Visitor
from services.events.use_cases import notices
from services.events.use_cases.gatherings import find
from services.events.use_cases.guests import admit
from services.events.use_cases.places import fill_places, next_position


async def answer(
    session: AsyncSession, visitor: Visitor, gathering_id: UUID, wish: Wish, at: datetime
) -> Answer:
    """Give or change one's answer; a place that comes free goes to whoever waits longest.

    Touches no name left for the café: a common transaction would tell whose it is. Raises NotFound and what Answer.say raises.
    """
    await admit(session, visitor)
    cafe = await find(session, visitor, gathering_id, lock=True)
    mine = await session.get(Answer, (gathering_id, visitor.alias))
    came_before = mine is not None and mine.answer == "come"
    if mine is None:
        mine = Answer(gathering_id=gathering_id, alias=visitor.alias, answer=wish, position=None)
        session.add(mine)
    freed = mine.say(wish, cafe, at)
    if wish == "come" and not came_before:
        mine.position = await next_position(session, cafe)
    await session.flush()
    if freed:
        await fill_places(session, cafe, at)
    await notices.looked(session, visitor.alias, at)
    return mine
