"""Deletes records on the switchboard's way once they are handled: the trail joins, not only the delay."""

from collections.abc import Sequence

from aiokafka.admin import RecordsToDelete

from shared.bus.broker import make_admin
from shared.contracts.topics import Topic
from shared.settings import KafkaSettings


async def delete_handled(kafka: KafkaSettings, group: str, topics: Sequence[Topic]) -> int:
    """Delete the topics' records up to what the group has committed; returns in how many partitions.

    Their bytes leave the disk when the segment rolls, for which the hourly keep-alives are there.
    Raises ValueError for a topic that isn't on the switchboard's way, KafkaError when Kafka refuses.
    """
    names = {topic.name for topic in topics}
    if any(not topic.switchboard for topic in topics):
        raise ValueError("only records on the switchboard's way are deleted when handled")
    admin = make_admin(kafka, "switchboard-retention")
    try:
        await admin.start()
        committed = await admin.list_consumer_group_offsets(group)
        handled = {
            place: RecordsToDelete(known.offset)
            for place, known in committed.items()
            if place.topic in names and known.offset > 0
        }
        if handled:
            await admin.delete_records(handled)
        return len(handled)
    finally:
        await admin.close()
