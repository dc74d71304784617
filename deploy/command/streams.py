"""`stream`: an analyst's event stream as NDJSON, each line one CloudEvent in its JSON form."""

import asyncio
import json
import os
import sys
from typing import Any
from uuid import UUID

from deploy.command.options import fail, kafka_answers
from shared.bus.reader import reading
from shared.bus.reading import Source, read_all
from shared.contracts.topics import SUMMARY, Topic, research_topic
from shared.settings import KafkaSettings


class _ReaderGone(Exception):
    """Nobody reads our output any more."""


def print_stream(what: str, bootstrap: str, *, follow: bool) -> None:
    """`summary` is the published level, a study's id its research level."""
    topic = _topic(what)
    try:
        with kafka_answers(bootstrap):
            asyncio.run(_print(topic, KafkaSettings(bootstrap_servers=bootstrap), follow=follow))
    except KeyboardInterrupt:
        sys.exit(0)
    except _ReaderGone:
        # Whoever read along has what they wanted (`| head`); the interpreter's own flush would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _topic(what: str) -> Topic:
    if what == "summary":
        return SUMMARY
    try:
        return research_topic(UUID(what))
    except ValueError:
        fail(f"{what!r} is neither `summary` nor a study's id.")


async def _print(topic: Topic, kafka: KafkaSettings, *, follow: bool) -> None:
    sources, seen = {topic.name: Source(topic, None)}, False
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
                _say(json.dumps(line, ensure_ascii=False), flush=follow)
                seen = True
    if not seen:
        print("Nothing has been published here yet.", file=sys.stderr)  # noqa: T201
    _say("", end="", flush=True)


def _say(line: str, *, flush: bool, end: str = "\n") -> None:
    try:
        print(line, end=end, flush=flush)  # noqa: T201
    except BrokenPipeError:
        raise _ReaderGone from None
