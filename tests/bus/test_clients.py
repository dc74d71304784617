"""How clients are made, and when a consumer counts as stuck."""

import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from shared.bus.broker import connection
from shared.bus.bus import pattern_of
from shared.bus.progress import Progress
from shared.bus.reading import Source
from shared.bus.state import subscribe_state
from shared.contracts.topics import POSTS
from shared.settings import KafkaSettings
from tests.bus.conftest import Service, note_down, running


def test_tls_and_sasl_come_from_settings() -> None:
    plain = connection(KafkaSettings())
    assert "security_protocol" not in plain
    secured = connection(
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="forum", sasl_password=SecretStr("secret"))
    )
    assert secured["security_protocol"] == "SASL_SSL"
    assert secured["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (secured["sasl_plain_username"], secured["sasl_plain_password"]) == ("forum", "secret")
    assert secured["ssl_context"].check_hostname
    assert connection(KafkaSettings(security_protocol="SSL"))["security_protocol"] == "SSL"
    with pytest.raises(ValueError, match="SASL needs"):
        connection(KafkaSettings(security_protocol="SASL_PLAINTEXT"))


async def test_a_consumer_is_made_with_the_traps_disarmed(service: Service) -> None:
    bus = service.bus("7")
    group = service.group("options")
    subscribe_state(bus, service.states, group=group, apply=note_down)
    made: dict[str, object] = {}
    start = AIOKafkaConsumer.start

    async def noting(self: AIOKafkaConsumer) -> None:
        made.update(vars(self))
        await start(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaConsumer, "start", noting)
        async with running(bus):
            assert bus.health().live
    assert made["_group_instance_id"] == f"{group}.7"
    assert made["_enable_auto_commit"] is False
    assert made["_auto_offset_reset"] == "earliest"
    assert made["_session_timeout_ms"] == 45_000
    assert made["_rebalance_timeout_ms"] == 60_000
    assert bus.broker.config.broker_config.consumer_only, "nothing can be published through it"


def test_a_pattern_takes_its_topics_and_no_others() -> None:
    import re

    names = {source.name: source for source in (Source(POSTS, None), Source(POSTS, "south"))}
    pattern = re.compile(pattern_of(names))
    assert pattern.match("shared.forum.posts.v1")
    assert pattern.match("south.shared.forum.posts.v1")
    for other in ("dlq.shared.forum.posts.v1", "shared.forum.posts.v10", "sharedXforum.posts.v1"):
        assert not pattern.match(other)


def test_records_that_wait_two_minutes_without_an_attempt_make_it_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("shared.bus.progress.time.monotonic", lambda: now)
    consumer = Progress()
    now += 10_000
    assert not consumer.is_stuck(lag=5), "waiting was seen only now"
    now += 121
    assert consumer.is_stuck(lag=5)
    consumer.failed()
    assert not consumer.is_stuck(lag=5), "a failed attempt is an attempt"
    now += 121
    assert not consumer.is_stuck(lag=0), "nothing waits"
    consumer.began()
    assert not consumer.is_stuck(lag=0)
    now += 121
    assert consumer.is_stuck(lag=0), "a batch that never ends"


def test_pauses_between_attempts_grow_and_stay_under_the_poll_interval() -> None:
    consumer = Progress()
    pauses = [consumer.failed() for _ in range(40)]
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert max(pauses) == 30.0
