"""Answering a café: come along, maybe, not this time, and on the day: today isn't a good day."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models.answers import LIKELY, Answer, Wish
from services.events.policy.callers import Visitor
from services.events.use_cases import called_names, notices
from services.events.use_cases.gatherings import find
from services.events.use_cases.guests import admit
from services.events.use_cases.places import fill_places, next_position


async def answer(
    session: AsyncSession, secret: bytes, visitor: Visitor, gathering_id: UUID, wish: Wish, at: datetime
) -> Answer:
    """Give or change one's answer; a place that comes free goes to whoever waits longest.

    A name left for the café goes when its owner doesn't come. Raises NotFound and what Answer.say raises.
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
    if wish not in LIKELY:
        await called_names.take_back(session, secret, visitor, gathering_id)
    await notices.looked(session, visitor.alias, at)
    return mine
