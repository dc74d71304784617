"""After a restore, or with a new Kafka: identity's topics and its database agree again, and who has left stays away."""

from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.switchboard import last_words
from services.identity.switchboard.board import Switchboard
from services.identity.use_cases import restoring
from shared.bus.bus import Bus
from shared.bus.read_back import ReadBack, read_back
from shared.bus.records import Received
from shared.contracts.topics import Topic


async def begin(bus: Bus, board: Switchboard) -> None:
    """Compare where that is due; versions go on above all that was ever said."""
    await read_back(bus, partial(compare, board=board))
    async with bus.sessions() as session:
        await last_words.go_on_from_before(session, board)


async def compare(back: ReadBack, board: Switchboard) -> None:
    """Take the last words about aliases, hear of communities and studies, send what the topics lack."""
    for topic in last_words.TOPICS:
        await back.take(topic, partial(_keep, topic, board))
    await back.take_heard()
    if back.restored:
        await _live_again(back)
    for topic in last_words.TOPICS:
        await back.send_again(topic, partial(last_words.page, topic))


async def _keep(
    topic: Topic, board: Switchboard, session: AsyncSession, received: list[Received[Any]]
) -> None:
    states = [record.payload for record in received]
    for state in states:
        board.versions.observe(state.version)
    await last_words.keep(session, topic, states)


async def _live_again(back: ReadBack) -> None:
    """What happened since the backup as far as identity's own words tell it."""
    async with back.sessions() as session, session.begin():
        await restoring.forget_what_was_held(session)
        await restoring.count_no_study_twice(session)
        ended = await restoring.endings_since(session)
    for ending in ended:
        async with back.sessions() as session, session.begin():
            await restoring.end_again(session, ending)
    async with back.sessions() as session, session.begin():
        consenting = await restoring.participants_to_ask_again(session)
    for participant in consenting:
        async with back.sessions() as session, session.begin():
            await restoring.ask_again_about_research(session, participant)
