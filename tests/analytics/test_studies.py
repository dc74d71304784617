"""A study's way: proposed by an analyst, approved and closed by somebody else, read by its analyst only."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.analytics import streams
from services.analytics.use_cases import studies, surroundings
from shared import clock
from shared.contracts.payloads.analytics import StudyRecorded
from shared.contracts.payloads.identity import AudienceAlias
from tests.analytics.conftest import Analytics
from tests.bus.conftest import eventually

OTHERS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
WAITING = f"{OTHERS} AND wait_event_type = 'Lock'"
IN_TRANSACTION = f"{OTHERS} AND application_name = 'analytics' AND xact_start IS NOT NULL"


async def test_a_study_counts_from_an_operators_approval_to_their_closing(analytics: Analytics) -> None:
    study = await analytics.propose([uuid4()])
    shown = await analytics.call("GET", f"/studies/{study}", role="analyst")
    assert shown.json()["status"] == "proposed"
    assert (await analytics.call("GET", f"/studies/{study}/research", role="analyst")).status_code == 409
    approved = await analytics.call("POST", f"/studies/{study}/approval", role="operator")
    assert (approved.status_code, approved.json()["status"]) == (200, "open")
    closed = await analytics.call("POST", f"/studies/{study}/closing", role="operator")
    assert closed.json()["status"] == "closing"
    records = [
        StudyRecorded.model_validate_json(row.payload)
        for row in await analytics.rows_of("SELECT payload FROM outbox ORDER BY seq")
    ]
    assert [record.status for record in records] == ["open", "closed"]
    assert records[0].opened_at == records[1].opened_at
    assert records[1].version > records[0].version


async def test_an_analyst_never_approves_even_after_becoming_an_operator(analytics: Analytics) -> None:
    study = await analytics.propose([uuid4()])
    assert (await analytics.call("POST", f"/studies/{study}/approval", role="analyst")).status_code == 403
    risen = await analytics.call(
        "POST", f"/studies/{study}/approval", role="operator", alias=analytics.analyst
    )
    assert (risen.status_code, risen.json()["type"]) == (403, "/problems/approved-by-somebody-else")


async def test_approving_again_changes_nothing_and_another_operator_is_told(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()])
    again = await analytics.call("POST", f"/studies/{study}/approval", role="operator")
    assert (again.status_code, again.json()["status"]) == (200, "open")
    other = await analytics.call("POST", f"/studies/{study}/approval", role="operator", alias=uuid4())
    assert other.status_code == 409
    assert len(await analytics.rows_of("SELECT 1 FROM outbox")) == 1


async def test_only_its_own_analyst_reads_a_studys_figures(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()])
    for path in ("research", "rows", "journeys"):
        other = await analytics.call("GET", f"/studies/{study}/{path}", role="analyst", alias=uuid4())
        assert (other.status_code, other.json()["type"]) == (404, "/problems/not-found")
        for role in ("operator", "member", "consultant", "provider"):
            assert (await analytics.call("GET", f"/studies/{study}/{path}", role=role)).status_code == 403
        assert (await analytics.call("GET", f"/studies/{study}/{path}")).status_code == 401


async def test_every_reading_of_research_is_written_down_and_stays(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()])
    for path in ("research", "rows", "rows", "journeys"):
        assert (await analytics.call("GET", f"/studies/{study}/{path}", role="analyst")).status_code == 200
    log = await analytics.rows_of(
        "SELECT event, alias, happened_on FROM security_log WHERE subject = :study AND event LIKE '%-read'"
        " ORDER BY event",
        study=study,
    )
    assert [row.event for row in log] == ["journeys-read", "research-read", "rows-read", "rows-read"]
    assert {(row.alias, row.happened_on) for row in log} == {(analytics.analyst, clock.today())}


async def test_an_analyst_sees_their_own_studies_and_an_operator_all(analytics: Analytics) -> None:
    mine = {str(await analytics.propose([uuid4()])) for _ in range(3)}
    other = uuid4()
    assert (await analytics.call("GET", "/studies", role="analyst", alias=other)).json()["items"] == []
    seen, after = set[str](), None
    while True:
        page = (
            await analytics.call(
                "GET", "/studies", role="operator", params={"limit": 2} | ({"after": after} if after else {})
            )
        ).json()
        seen |= {study["id"] for study in page["items"]}
        after = page["next"]
        if after is None:
            break
    assert seen == mine
    hidden = await analytics.call("GET", f"/studies/{min(mine)}", role="analyst", alias=other)
    assert hidden.status_code == 404


async def test_a_repeated_proposal_makes_one_study(analytics: Analytics) -> None:
    body = {"title": "Twice", "communities": [str(uuid4())], "ends_on": str(analytics.today)}
    key = {"Idempotency-Key": uuid4().hex}
    first, second = [
        await analytics.call("POST", "/studies", role="analyst", json=body, headers=dict(key))
        for _ in range(2)
    ]
    assert first.json() == second.json()
    other = await analytics.call(
        "POST", "/studies", role="analyst", json=body | {"title": "Thrice"}, headers=dict(key)
    )
    assert other.status_code == 422


async def test_a_proposal_that_makes_no_sense_is_refused_with_its_reason(analytics: Analytics) -> None:
    body = {"title": "T", "communities": [str(uuid4())], "ends_on": str(analytics.today)}
    for changed, type_ in (
        ({"ends_on": str(analytics.today - timedelta(days=1))}, "ends-in-the-past"),
        ({"fields": ["posts"], "sources": ["events"]}, "field-without-source"),
        ({"communities": []}, "invalid"),
        ({"diagnosis": "any"}, "invalid"),
        ({"title": "a\u202eb"}, "text-not-allowed"),
    ):
        answer = await analytics.call(
            "POST", "/studies", role="analyst", json=body | changed, headers={"Idempotency-Key": uuid4().hex}
        )
        assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{type_}")


async def test_a_closed_account_is_refused_whatever_its_token_says(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()])
    gone = AudienceAlias(id=analytics.analyst, home="north", version=5, role="analyst", closed=True)
    await analytics.within(lambda session: surroundings.take_accounts(session, [gone]))
    answer = await analytics.call("GET", f"/studies/{study}/research", role="analyst")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/account-closed")


@pytest.mark.parametrize("decision", ["approval", "closing"])
async def test_of_two_operators_who_decide_at_once_one_does_and_the_other_is_told(
    analytics: Analytics, decision: str
) -> None:
    study = await (analytics.propose if decision == "approval" else analytics.open_study)([uuid4()])
    before = len(await analytics.rows_of("SELECT 1 FROM outbox"))
    async with analytics.sessions() as session, session.begin():
        await session.execute(text("SELECT 1 FROM studies WHERE id = :id FOR UPDATE"), {"id": study})
        both = [
            asyncio.create_task(
                analytics.call("POST", f"/studies/{study}/{decision}", role="operator", alias=uuid4())
            )
            for _ in range(2)
        ]

        async def both_wait() -> bool:
            return len(await analytics.rows_of(WAITING)) == 2

        await eventually(both_wait)
    answers = await asyncio.gather(*both)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await analytics.rows_of("SELECT 1 FROM outbox")) == before + 1
    decided = f"study-{'approved' if decision == 'approval' else 'closed'}"
    assert len(await analytics.rows_of("SELECT 1 FROM security_log WHERE event = :event", event=decided)) == 1


async def test_one_operator_who_presses_twice_at_once_approves_once(analytics: Analytics) -> None:
    study = await analytics.propose([uuid4()])
    answers = await asyncio.gather(
        *(analytics.call("POST", f"/studies/{study}/approval", role="operator") for _ in range(4))
    )
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "open")}
    assert len(await analytics.rows_of("SELECT 1 FROM outbox")) == 1


async def test_nothing_in_the_database_waits_while_kafka_makes_a_studys_topic(
    analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = await analytics.propose([uuid4()])
    make, seen = streams.make, list[int]()

    async def looking(*arguments: Any) -> None:
        seen.append(len(await analytics.rows_of(IN_TRANSACTION)))
        await make(*arguments)

    monkeypatch.setattr(streams, "make", looking)
    answer = await analytics.call("POST", f"/studies/{study}/approval", role="operator")
    assert (answer.json()["status"], seen) == ("open", [0])


async def test_a_study_whose_last_day_has_passed_is_closed_by_itself(analytics: Analytics) -> None:
    study = await analytics.open_study([uuid4()], ends_on=str(analytics.today))
    for later, closed in ((0, 0), (1, 1), (2, 0)):
        day = analytics.today + timedelta(days=later)
        async with analytics.sessions() as session, session.begin():
            assert await studies.close_next_ended(session, clock.now(), day, "north") == closed
    shown = (await analytics.call("GET", f"/studies/{study}", role="analyst")).json()
    assert (shown["status"], shown["closed_on"]) == ("closing", str(analytics.today))
