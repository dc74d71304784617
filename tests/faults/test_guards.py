"""Twelve promises, each taken out once: the tests that guard them must fail, here and in tests/bus.

A test is run as it stands, with one part of the product broken (broken.py). One that passes then guards nothing.
What three of them say is shown in README.md.
"""

import importlib
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tried
from tests.bus import test_relay, test_states
from tests.bus.conftest import NEVER, Service, eventually
from tests.faults import (
    broken,
    test_dead_letters_away,
    test_kills,
    test_late_publishes,
    test_poison,
    test_progress,
    test_relays,
)
from tests.faults.conftest import Breakable

Break = Callable[[pytest.MonkeyPatch], None]
Guarding = Callable[..., Awaitable[None]]

# What is put back, the test that must find it, what its parameters are, what it must say.
GUARDS: list[tuple[Break, Guarding, dict[str, Any], str]] = [
    (
        broken.rows_are_deleted_before_they_are_sent,
        test_kills.test_every_committed_event_is_published_in_order_whenever_its_process_is_killed,
        {},
        "the last kill left rows",
    ),
    (
        broken.nothing_is_noted_in_the_inbox,
        test_kills.test_every_fact_takes_effect_once_however_often_its_consumer_is_killed,
        {},
        "At index 1 diff: '0' != '1'",
    ),
    (
        broken.offsets_are_acknowledged_whatever_happens,
        test_dead_letters_away.test_nothing_is_passed_over_that_cannot_be_set_aside,
        {"kind": "facts"},
        "an offset moved over a record that is nowhere else",
    ),
    (
        broken.dead_letters_that_fail_are_forgotten,
        test_dead_letters_away.test_nothing_is_passed_over_that_cannot_be_set_aside,
        {"kind": "states"},
        "an offset moved over a record that is nowhere else",
    ),
    (
        broken.every_relay_publishes,
        test_relays.test_of_two_relays_one_publishes_while_the_other_waits,
        {},
        "both publish",
    ),
    (
        broken.old_producers_are_heard,
        test_late_publishes.test_a_publish_that_was_given_up_and_comes_later_is_refused,
        {},
        "the old one came last, and compaction keeps that",
    ),
    (
        broken.a_cursor_outlives_its_sweep,
        test_relay.test_a_row_that_commits_late_with_a_lower_number_goes_out_too,
        {},
        NEVER + 'await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))',
    ),
    (
        broken.all_that_was_sent_counts_as_arrived,
        test_relays.test_after_half_an_answer_only_the_acknowledged_prefix_is_settled,
        {},
        "5 more items, first extra item: 5",
    ),
    (
        broken.a_relay_ends_with_an_error_it_does_not_know,
        test_relays.test_a_relay_goes_on_whatever_the_error,
        {},
        f"{NEVER}Service.has({test_relays.EMPTY!r},)",
    ),
    (
        broken.the_last_record_of_a_key_wins,
        test_states.test_of_a_batch_only_the_highest_version_of_a_key_is_applied,
        {},
        "At index 0 diff",
    ),
    (
        broken.whoever_is_at_work_is_alive,
        test_progress.test_a_consumer_that_hangs_in_its_work_is_dead_within_150_seconds,
        {},
        "it hangs, and counts as alive",
    ),
    (
        broken.headers_are_read_as_aiokafka_does,
        test_poison.test_a_strangers_header_whose_name_is_not_utf8_holds_up_nothing,
        {},
        NEVER + """await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'after'"))""",
    ),
]
# The folder's other tests, by why nothing is put back for them.
AN_ENGINE = (
    "it fails without any part put back: what it demands is how the engines' clients outlast an engine"
)
A_REGION = "a run takes a region or processes of its own and minutes; what it checks is counted on both sides"
ANOTHER_SIDE = "the same promise as one that is tried, from another side: "
UNTRIED = {
    "test_a_restored_region_has_what_reached_kafka_and_nobody_who_was_erased": A_REGION,
    "test_of_processes_replaced_under_load_whoever_asks_again_gets_everything_written_once": A_REGION,
    "test_a_full_disk_refuses_writes_clearly_and_recovers": AN_ENGINE,
    "test_writes_go_on_and_come_out_in_key_order": AN_ENGINE,
    "test_consumers_and_relay_outlast_a_stop_of_the_database_and_set_nothing_aside": AN_ENGINE,
    "test_requests_are_refused_clearly_while_the_database_is_away": AN_ENGINE,
    "test_an_exhausted_pool_is_said_clearly_and_recovers": AN_ENGINE,
    "test_a_server_without_connections_left_is_said_clearly_and_recovers": AN_ENGINE,
    "test_guessing_stays_slow_without_redis": AN_ENGINE,
    "test_people_write_and_read_without_redis": AN_ENGINE,
    "test_a_redis_that_never_answers_is_asked_once_more_and_no_longer_waited_for": AN_ENGINE,
    "test_a_process_that_stood_still_and_lost_its_lock_publishes_nothing_more": (
        ANOTHER_SIDE + "old_producers_are_heard, every_relay_publishes"
    ),
    "test_each_kind_of_poison_is_set_aside_and_nothing_else": (
        ANOTHER_SIDE + "dead_letters_that_fail_are_forgotten"
    ),
    "test_a_consumer_that_is_slow_or_fails_stays_alive": (
        "it holds the guard tried as whoever_is_at_work_is_alive to not saying too much"
    ),
    "test_three_relays_that_lose_their_lock_again_and_again_lose_no_row_and_no_order": (
        ANOTHER_SIDE + "every_relay_publishes"
    ),
    "test_a_relay_whose_connection_ends_in_the_middle_of_a_batch_sends_nothing_more": (
        ANOTHER_SIDE + "every_relay_publishes"
    ),
    "test_what_is_sent_before_its_elders_are_settled_comes_again_after_them": (
        ANOTHER_SIDE + "every_relay_publishes"
    ),
    "test_fifty_writers_whose_commits_come_out_of_order_miss_no_row": (
        ANOTHER_SIDE + "a_cursor_outlives_its_sweep"
    ),
}


def test_every_test_of_this_folder_is_tried_or_says_why_not() -> None:
    here = Path(__file__)
    modules = {path.stem for path in here.parent.glob("test_*.py")} - {here.stem}
    tests = {
        name
        for module in modules
        for name in vars(importlib.import_module(f"{__package__}.{module}"))
        if name.startswith("test_")
    }
    tried_here = {test.__name__ for _, test, *_ in GUARDS if test.__module__.startswith(f"{__package__}.")}
    assert tried_here.isdisjoint(UNTRIED)
    assert tried_here | UNTRIED.keys() == tests


@pytest.mark.parametrize(
    ("put_back", "test", "parameters", "says"), GUARDS, ids=[put_back.__name__ for put_back, *_ in GUARDS]
)
async def test_a_broken_product_is_found(
    put_back: Break,
    test: Guarding,
    parameters: dict[str, Any],
    says: str,
    service: Service,
    engines: Breakable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(test_kills, "KILLS", 2)
    if says.startswith(NEVER):  # what never comes isn't waited for as long as usual
        monkeypatch.setattr(eventually, "__kwdefaults__", {"within": 15.0})
    put_back(monkeypatch)
    given = {"service": service, "engines": engines, "monkeypatch": monkeypatch} | parameters
    takes = inspect.signature(test).parameters
    if "watch" in takes:
        given["watch"] = test_progress.Watch(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)) as found:
        await test(**{name: given[name] for name in takes})
    assert says in str(found.value), "it failed for another reason"
    tried.count("faults", "guards")
