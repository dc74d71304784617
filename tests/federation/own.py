"""What stays in a region: ids that only its own services know, and words that don't leave it, planted in all its places."""

import json
from collections.abc import Iterable
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared import clock
from shared.bus.broker import connection
from shared.contracts.envelope import Envelope
from shared.contracts.keep_alive import KEEP_ALIVE
from shared.contracts.topics import CATALOGUE
from tests.federation.regions import kafka_of
from tests.federation.searching import dashed_in, tables, topics
from tests.federation.sides import WORDS, Side
from tests.journeys.test_the_whole_way import a_cafe
from tests.people import a_name
from tests.region.running import RunningRegion
from tests.unlinkability.canaries import Canaries

AT_HOME_ALONE = ("identity", "events", "notifications", "analytics")  # services whose every id stays
MADE_OF_A_NAME = 5  # the version of ids that stand in the code, the same in every region
FORUMS_OWN = ("members", "watching", "read_marks", "moderation_news", "sanctions", "security_log")
EVERYBODY_KNOWS = ("profiles", "threads", "posts")  # the ids of these


async def own_ids(region: RunningRegion) -> set[UUID]:
    """Of accounts, aliases, sessions, communities, cafés, notices, facts: what those services keep or say.

    But for what the forum shares: a service may know the id of a post, a thread or a profile.
    """
    kept: set[str] = set()
    for service in AT_HOME_ALONE:
        for rows in (await tables(region, service)).values():
            kept |= _ids_in(rows)
    forum = await tables(region, "forum")
    kept = kept.union(*(_ids_in(map(_without_erasure, forum[table])) for table in FORUMS_OWN))
    for topic, content in (await topics(region)).items():
        if topic.startswith(("local.", "dlq.")):
            kept.update(dashed_in(content))
    shared = {json.loads(row)["id"] for table in EVERYBODY_KNOWS for row in forum[table]}
    ids = {UUID(id_) for id_ in kept - shared}
    return {id_ for id_ in ids if id_.version != MADE_OF_A_NAME}


def _ids_in(rows: Iterable[str]) -> set[str]:
    return {id_ for row in rows for id_ in dashed_in(row.encode())}


def _without_erasure(row: str) -> str:
    """The forum keeps the id under which regions tell each other of an erasure; identity's, made of another, stays."""
    return json.dumps({name: value for name, value in json.loads(row).items() if name != "erasure_id"})


async def plant(side: Side) -> Canaries:
    """Words of a region's own, each in one place: cafés, a community nobody shows, a pause, and every local topic."""
    canaries = Canaries()
    unshown = await side.people.community(
        side.operator, name=canaries.name("a community not shown"), area=canaries.text("its area")
    )
    kari = await side.operator.invites("consultant", [unshown], name=a_name("Kari"))
    member = await kari.invites("member", [unshown], forum_name=f"Bracken of {uuid4().hex[:8]}")
    await member.makes("forum", "/threads", WORDS)
    words = {
        field: canaries.text(f"a café's {field}")
        for field in ("area", "way_there", "toilet", "met_by", "place")
    }
    [cafe] = (await kari.makes("events", "/gatherings", a_cafe(unshown, **words)))["ids"]
    await member.puts("events", f"/gatherings/{cafe}/answer", {"answer": "come"})
    pause = {"category": "other", "reason": canaries.text("why somebody may not write"), "days": 1}
    await side.consultant.puts("forum", f"/posts/{side.posts['at home']}/sanction", pause)
    await _say_on_local_topics(side.region, canaries)
    return canaries


async def _say_on_local_topics(region: RunningRegion, canaries: Canaries) -> None:
    """What consumers pass over, with a contact address in it."""
    producer = AIOKafkaProducer(**connection(kafka_of(region)))
    try:
        await producer.start()
        for topic in CATALOGUE:
            if not topic.mirrored:
                said = canaries.text(topic.name).encode()
                envelope = Envelope(uuid4(), KEEP_ALIVE, "peercafe/tests", clock.now())
                await producer.send_and_wait(topic.name, said, key=said, headers=envelope.headers())
    finally:
        await producer.stop()
