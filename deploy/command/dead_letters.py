"""`dlq list|show|replay`: records that a consumer could not take."""

import asyncio
import json
from pathlib import Path
from typing import Any

from deploy.command.options import fail, kafka_answers, none_runs
from shared.bus.dead_letters import Waiting, decoded, original, replay, waiting
from shared.settings import KafkaSettings

SERVICES = ("identity", "forum", "events", "notifications", "analytics")


def list_all(bootstrap: str) -> None:
    """All dead letters, one line each."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)

    async def gather() -> list[tuple[str, Waiting]]:
        return [(service, one) for service in SERVICES for one in await waiting(kafka, service)]

    with kafka_answers(bootstrap):
        found = asyncio.run(gather())
    if not found:
        print("No dead letters.")  # noqa: T201
        return
    rows = [("ID", "SERVICE", "CONSUMER", "RECORD", "ERROR")]
    for service, one in found:
        letter = one.letter
        record = f"{letter.topic}/{letter.partition}/{letter.offset}"
        rows.append((one.id, service, letter.consumer, record, letter.error))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:  # never wrapped: an id is there to be copied
        print("  ".join(map(str.ljust, row, widths)).rstrip())  # noqa: T201


def show(letter_id: str, bootstrap: str) -> None:
    """One dead letter with the record it is about, as JSON."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)

    async def find() -> dict[str, Any] | None:
        for service in SERVICES:
            for one in await waiting(kafka, service):
                if one.id == letter_id:
                    record = await original(kafka, one.letter)
                    body = None if record is None else record.value
                    shown = one.letter.model_dump(exclude={"body", "headers", "key"})
                    shown["key"] = (decoded(one.letter.key) or b"").decode(errors="replace")
                    shown["body"] = None if body is None else body.decode(errors="replace")
                    return shown
        return None

    with kafka_answers(bootstrap):
        found = asyncio.run(find())
    if found is None:
        fail(f"There is no dead letter {letter_id}; `peercafe dlq list` shows all.")
    print(json.dumps(found, indent=2, ensure_ascii=False))  # noqa: T201


def replay_all(service: str, ids: list[str], data: Path) -> None:
    """Hand a service's dead letters (`ids`, or all) to their consumers' own handlers; publishes nothing."""
    from deploy.embedded import composition
    from deploy.embedded.addresses import REGION_FILE, Addresses
    from shared.region import load_region

    if service not in SERVICES:
        fail(f"There is no service {service!r} with dead letters; there are {', '.join(SERVICES)}.")
    try:
        engines = Addresses.of_running(data)
    except FileNotFoundError:
        none_runs(data)
    settings = composition.service_settings(
        service,
        engines,
        region=load_region(data / REGION_FILE).id,
        region_file=data / REGION_FILE,
        inner=engines.gateway,
    )
    app: Any = composition.service_app(service, settings)
    with kafka_answers(engines.kafka):
        outcomes = asyncio.run(replay(settings.kafka, service, app.state.bus.consumers, ids or None))
    for outcome in outcomes:
        print(f"{outcome.id}: {outcome.error or 'done'}")  # noqa: T201
    if any(outcome.error for outcome in outcomes):
        raise SystemExit(1)
