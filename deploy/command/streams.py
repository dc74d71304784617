"""`stream`: an analyst's event stream as NDJSON, each line one CloudEvent in its JSON form."""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from deploy.command.options import fail, kafka_answers
from shared.bus.reader import reading
from shared.bus.reading import Source, read_all
from shared.contracts.topics import SUMMARY, Topic, research_topic
from shared.settings import KafkaSettings


def print_stream(what: str, bootstrap: str, *, follow: bool) -> None:
    """`summary` is the published level, a study's id its research level."""
    topic = _topic(what)
    try:
        with kafka_answers(bootstrap):
            asyncio.run(_print(topic, KafkaSettings(bootstrap_servers=bootstrap), follow=follow))
    except KeyboardInterrupt:
        sys.exit(0)


def _topic(what: str) -> Topic:
    if what == "summary":
        return SUMMARY
    try:
        return research_topic(UUID(what))
    except ValueError:
        fail(f"{what!r} is neither `summary` nor a study's id.")


async def _print(topic: Topic, kafka: KafkaSettings, *, follow: bool) -> None:
    sources = {topic.name: Source(topic, None)}
    async with reading(kafka) as reader:
        async for record in reader.records(topic.name, follow=follow):
            received, refused = read_all([record], sources)
            for one in refused:
                print(f"skipped a record that can't be read: {one.error}", file=sys.stderr)  # noqa: T201
            for event in received:
                line: dict[str, Any] = {
                    "specversion": "1.0",
                    "id": str(event.event_id),
                    "type": event.type,
                    "time": event.time.isoformat(),
                    "subject": event.key,
                    "data": json.loads(event.body),
                }
                print(json.dumps(line, ensure_ascii=False), flush=follow)  # noqa: T201
