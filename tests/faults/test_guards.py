"""The tests of this folder are tried themselves: each must fail when what it guards against is put back.

A test is run as it stands, with one part of the product broken (broken.py). One that passes then guards nothing.
What three of them say is shown in README.md.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import tried
from tests.bus import test_relay, test_states
from tests.bus.conftest import Service, eventually
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
        "['0', '0', '1', '1', 'last'] == ['0', '1', 'last']",
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
        "TimeoutError",
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
        "TimeoutError",
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
        "TimeoutError",
    ),
]


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
    if says == "TimeoutError":  # what never comes isn't waited for as long as usual
        monkeypatch.setattr(eventually, "__kwdefaults__", {"within": 8.0})
    put_back(monkeypatch)
    given = {
        "service": service,
        "engines": engines,
        "monkeypatch": monkeypatch,
        "watch": test_progress.Watch(monkeypatch),
    } | parameters
    with pytest.raises((AssertionError, TimeoutError)) as found:
        await test(**{name: given[name] for name in inspect.signature(test).parameters})
    assert says in repr(found.value), "it failed for another reason"
    tried.count("faults", "guards")
