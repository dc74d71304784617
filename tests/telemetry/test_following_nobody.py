"""No number follows a person: no id in a label, and nothing that moves at the moment of an act outside the forum."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from starlette.routing import Route

from shared import clock
from shared.telemetry.catalogue import METRICS
from shared.telemetry.metrics import Metrics
from shared.telemetry.requests import BOUNDS
from tests.abuse.services import SERVICES, Here, everything, settle
from tests.engines import Engines
from tests.telemetry.scraping import Scrape

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ANY_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
A_TIME = re.compile(r"_created|\b1[0-9]{9}\b")


@pytest.fixture(scope="module")
def here(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """All services and people of every role who have written something, at a time that stands still."""
    with clock.stopped_at(NOON), everything(engines, tmp_path_factory.mktemp("keys")) as here:
        yield settle(here)


def metrics_of(here: Here, service: str) -> Metrics:
    found: Metrics = here.apps[service].state.metrics
    return found


def scrape(here: Here, service: str) -> Scrape:
    """After a look; asked as anybody with a token might ask, too."""
    here.run(metrics_of(here, service).look())
    return Scrape(here.ask("GET", service, "/metrics").text)


def relayed(here: Here) -> None:
    """As if events' relay, which is off here, had published everything."""

    async def empty() -> None:
        async with here.apps["events"].state.sessions.begin() as session:
            await session.execute(text("DELETE FROM outbox"))

    here.run(empty())


def acts_in_events(here: Here, times: int) -> None:
    """Reads and writes of a member."""
    gathering = here.ids["gathering_id"]
    for number in range(times):
        here.ask("GET", "events", "/gatherings", role="member")
        body: dict[str, Any] = {"answer": "come" if number % 2 else "not-this-time"}
        assert here.ask(
            "PUT", "events", f"/gatherings/{gathering}/answer", role="member", json=body
        ).is_success


def test_requests_are_told_by_template_method_and_class_of_status(here: Here) -> None:
    def count(route: str, method: str = "GET", status: str = "4xx") -> float:
        labels = {"route": route, "method": method, "status": status}
        return scrape(here, "forum").get("peercafe_http_requests_total", **labels) or 0

    thread = here.ids["thread_id"]
    template = "/threads/{thread_id}"
    before = count(template, status="2xx"), count(template), count("unmatched"), count("unmatched", "other")
    assert here.ask("GET", "forum", f"/threads/{thread}", role="member").is_success
    here.ask("GET", "forum", f"/threads/{uuid4()}", role="member")
    here.ask("GET", "forum", f"/nothing/{uuid4()}", role="member")
    here.ask(f"BREW{uuid4().hex.upper()}", "forum", "/nothing", role="member")
    after = count(template, status="2xx"), count(template), count("unmatched"), count("unmatched", "other")
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1, 1]
    said = scrape(here, "forum")
    within = said.get(
        "peercafe_http_request_duration_seconds_bucket", method="GET", route=template, le="+Inf"
    )
    total = said.get("peercafe_http_request_duration_seconds_sum", method="GET", route=template)
    assert within == after[0] + after[1]
    assert total is not None
    assert 0 < total < within * BOUNDS[-1]


def test_acts_outside_the_forum_change_nothing_that_day_and_leave_in_tens(here: Here) -> None:
    template = "/gatherings/{gathering_id}/answer"
    relayed(here)
    before = scrape(here, "events")
    for _ in range(3):
        acts_in_events(here, 4)
        relayed(here)
        assert scrape(here, "events").without_process() == before.without_process()
    with clock.stopped_at(NOON + timedelta(hours=11)):
        assert scrape(here, "events").without_process() == before.without_process()
    with clock.stopped_at(NOON + timedelta(hours=12)):
        said = scrape(here, "events")
    labels = {"route": template, "method": "PUT"}
    assert said.get("peercafe_http_requests_total", **labels, status="2xx") == 10, "of twelve"
    assert "peercafe_http_request_duration_seconds_sum" not in said.text
    rare = {"route": "/communities", "method": "POST", "status": "2xx"}
    assert said.get("peercafe_http_requests_total", **rare) is None, "one alone isn't told of at all"
    acts_in_events(here, 10)
    relayed(here)
    assert scrape(here, "events").without_process() == said.without_process()


def days_told(*days: list[float]) -> list[str]:
    """What a service tells after each of these days of one route's requests, given as seconds."""
    metrics, told = Metrics(), []
    scope = {"route": Route("/me/sessions", acts_in_events), "method": "POST"}
    for number, seconds in enumerate(days, start=1):
        for each in seconds:
            metrics.requests.note(scope, 201, each)
        with clock.stopped_at(NOON + timedelta(days=number)):
            asyncio.run(metrics.look())
        told.append(Scrape(metrics.text().decode()).without_process())
    return told


def test_what_a_day_left_over_shows_on_no_other_day() -> None:
    with clock.stopped_at(NOON):
        alone = days_told([0.3] * 10, [0.3])
        assert 'le="+Inf",method="POST",route="/me/sessions"} 10.0' in alone[0]
        assert alone[1] == alone[0], "one act of one person"
        filled = days_told([0.3] * 9, [0.3], [0.3] * 9)
        assert filled[0] == filled[1] == filled[2], "somebody filled it up to nine"
        assert days_told([0.3] * 19, [0.3] * 11)[1] == days_told([0.3] * 10, [0.3] * 10)[1]


def test_no_sum_tells_how_long_a_single_request_took() -> None:
    with clock.stopped_at(NOON):
        assert days_told([0.3] * 10) == days_told([0.26] * 10)
        assert days_told([0.3] * 10 + [4.0]) == days_told([0.3] * 11)


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_forum_tells_of_acts_at_once(here: Here, service: str) -> None:
    relayed(here)
    before = scrape(here, service).without_process()
    for _ in range(20):
        here.ask("GET", service, f"/nothing/{uuid4()}")
    assert (scrape(here, service).without_process() == before) == (service != "forum")


def test_what_waits_while_something_is_broken_is_told_in_tens_and_minutes(here: Here) -> None:
    relayed(here)
    scrape(here, "events")
    acts_in_events(here, 2)
    scrape(here, "events")
    said = scrape(here, "events")
    assert said.get("peercafe_outbox_rows") == 10
    assert said.get("peercafe_outbox_oldest_row_age_seconds") == 0
    relayed(here)
    assert scrape(here, "events").get("peercafe_outbox_rows") == 0


@pytest.mark.parametrize("service", SERVICES)
def test_no_label_holds_an_id_or_a_name_even_if_everything_were_told(here: Here, service: str) -> None:
    acts_in_events(here, 1)
    metrics = metrics_of(here, service)
    told_to_the_unit, metrics.exact = metrics.exact, True
    try:
        said = scrape(here, service)
    finally:
        metrics.exact = told_to_the_unit
        here.run(metrics.look())
    assert any(name == "peercafe_http_requests_total" for name, _ in said.samples())
    assert sum(len(labels) for _, labels in said.samples()) > 10
    typed = [*here.ids.values(), *map(str, here.aliases.values()), "Heather", "Fjellvik", "Kari", "Walks"]
    assert personal(said, typed) == []


def personal(said: Scrape, typed: list[str]) -> list[str]:
    """Labels' values with an id, or with something that somebody typed; a reaction's kind is no id."""
    values = {value for _, labels in said.samples() for _, value in labels}
    words = [word for word in typed if word != "thanks"]
    return [value for value in values if ANY_ID.search(value) or any(word in value for word in words)]


def test_an_id_in_a_path_would_be_found() -> None:
    metrics = Metrics(exact=True)
    metrics.requests.note({"route": Route(f"/threads/{uuid4()}", acts_in_events), "method": "GET"}, 200, 0.1)
    asyncio.run(metrics.look())
    assert len(personal(Scrape(metrics.text().decode()), [])) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_tells_when_it_was_first_seen(here: Here, service: str) -> None:
    said = scrape(here, service).without_process()
    assert not A_TIME.search(said)


@pytest.mark.parametrize("service", SERVICES)
def test_metrics_are_no_part_of_the_api(here: Here, service: str) -> None:
    described = here.ask("GET", service, "/openapi.json").json()["paths"]
    assert described
    assert not {"/metrics", "/health/live", "/health/ready"} & set(described)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_told_is_what_the_catalogue_lists(here: Here, service: str) -> None:
    listed = {metric.name: metric for metric in METRICS}
    for family in scrape(here, service).families():
        metric = listed[family.name]
        assert family.type == metric.kind.value
        assert family.documentation == metric.meaning
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
