"""What an operator types."""

import itertools
import json
import subprocess
import sys
import time
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.command.status import Numbers, troubles
from deploy.embedded.secrets import SERVICES
from services.forum.rules.identities import profile_id
from shared.bus.broker import make_admin, make_producer
from shared.bus.dead_letters import DeadLetter
from shared.bus.reader import reading
from shared.contracts.topics import COMMUNITIES, DEAD_LETTERS
from shared.settings import KafkaSettings
from shared.telemetry.catalogue import METRICS
from tests.region.running import ROOT, RunningRegion, peercafe

pytestmark = pytest.mark.timeout(400)
LISTED = {metric.name for metric in METRICS}


def test_an_operator_makes_a_community_and_invites_people_to_it(region: RunningRegion) -> None:
    name = f"Prøvevik {uuid4().hex[:6]}"
    community = UUID(peercafe(region, "community", "add", name, "--area", "Prøvevik sentrum"))
    codes = peercafe(region, "invite", "--role", "member", "--community", name, "--count", "3").splitlines()
    assert len(set(codes)) == 3
    looked = httpx.post(f"{region.url}/api/identity/invitations/look", json={"invitation": codes[0]}).json()
    assert looked["role"] == "member"
    assert looked["communities"] == [{"id": str(community), "name": name}]


def test_the_invitation_of_a_consultant_names_the_account_they_have_in_another_region(
    region: RunningRegion,
) -> None:
    peercafe(region, "community", "add", name := f"Sørvik {uuid4().hex[:6]}", "--area", "Sørvik")
    says = ("--community", name, "--same-as", str(profile_id("south", uuid4().bytes)))
    assert len(peercafe(region, "invite", "--role", "consultant", *says).splitlines()) == 1
    assert "one peer consultant" in peercafe(region, "invite", "--role", "member", *says, status=1)


def test_an_operator_from_elsewhere_comes_with_an_invitation(region: RunningRegion) -> None:
    code = peercafe(region, "invite", "--role", "operator")
    again = peercafe(region, "invite", "--role", "analyst", "--gateway", region.url, "--invitation", code)
    assert (
        httpx.post(f"{region.url}/api/identity/invitations/look", json={"invitation": again}).json()["role"]
        == "analyst"
    )
    refused = peercafe(
        region, "invite", "--role", "analyst", "--gateway", region.url, "--invitation", code, status=1
    )
    assert len(refused.splitlines()) == 1


def test_mistakes_are_one_sentence(region: RunningRegion) -> None:
    assert "Nowhere" in peercafe(region, "invite", "--role", "member", "--community", "Nowhere", status=1)
    unknown = str(uuid4())
    for words, helps in (
        (["invite", "--role", "analyst", "--community", "Lyngmo"], "leave out --community"),
        (["invite", "--role", "member", *["--community", "Lyngmo"] * 2], "say --community once"),
        (["study", "add", "xyz"], "xyz isn't a study's id"),
        (["study", "add", unknown], f"no study {unknown}"),
        (["study", "close", unknown], f"no study {unknown}"),
        (["community", "add", "x" * 500, "--area", "Here"], "name: "),
        (["stream", "nonsense"], "nonsense"),
    ):
        said = peercafe(region, *words, status=1)
        assert helps in said
        assert len(said.splitlines()) == 1
    assert "no stream" in peercafe(region, "stream", str(uuid4()), status=1)


def test_topics_are_as_the_catalogue_says_and_no_letter_is_dead(region: RunningRegion) -> None:
    assert peercafe(region, "topics", "apply") == "made 0, widened 0, configured 0"
    assert peercafe(region, "dlq", "list") == "No dead letters."
    assert peercafe(region, "dlq", "replay", "forum") == ""
    for line in peercafe(region, "stream", "summary").splitlines():
        assert line == "Nothing has been published here yet." or json.loads(line)["specversion"] == "1.0"


async def test_dead_letters_are_listed_shown_and_replayed(region: RunningRegion) -> None:
    kafka = KafkaSettings(bootstrap_servers=region.engines["kafka"])
    peercafe(region, "community", "add", f"Prøvevik {uuid4().hex[:6]}", "--area", "Prøvevik sentrum")
    async with reading(kafka) as reader:
        record = [record async for record in reader.records(COMMUNITIES.name)][-1]
    good = DeadLetter(
        consumer="identity.communities",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        error="unknown-type",
    )
    stuck = good.model_copy(update={"consumer": "identity.renamed"})
    queue = DEAD_LETTERS["identity.events"].name
    producer, admin = make_producer(kafka, "test"), make_admin(kafka, "test")
    await producer.start()
    await admin.start()
    try:
        for letter in (good, stuck):
            await producer.send_and_wait(queue, letter.model_dump_json().encode())
        listed = peercafe(region, "dlq", "list").splitlines()
        [first, second] = [line.split()[0] for line in listed if line.startswith(f"{queue}/")]
        assert json.loads(peercafe(region, "dlq", "show", first))["consumer"] == "identity.communities"
        said = peercafe(region, "dlq", "replay", "identity", status=1)
        assert said.splitlines() == [f"{first}: done", f"{second}: unknown-consumer"]
        assert first not in peercafe(region, "dlq", "list")
    finally:
        await admin.delete_records({TopicPartition(queue, 0): RecordsToDelete(-1)})
        await producer.stop()
        await admin.close()
    assert peercafe(region, "dlq", "list") == "No dead letters."


def test_secrets_and_addresses_are_readable_by_the_owner_only(region: RunningRegion) -> None:
    folder = region.data / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in [*folder.iterdir(), region.data / "engines.json"]:
        assert path.stat().st_mode & 0o777 == 0o600, path.name


async def test_no_service_can_enter_another_ones_database(region: RunningRegion) -> None:
    dsns = region.engines["postgres"]
    for mine, other in itertools.permutations(SERVICES, 2):
        credentials, place = dsns[mine].rpartition("@")[0], dsns[other].rpartition("@")[2]
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
            await asyncpg.connect(f"{credentials}@{place}")
    connection = await asyncpg.connect(dsns["forum"])
    try:
        assert await connection.fetchval("SHOW transaction_timeout") == "5s"
        assert await connection.fetchval(
            "SELECT datcollate || datlocale FROM pg_database WHERE datname = 'forum'"
        )
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()


def test_status_says_how_each_service_is_doing(region: RunningRegion) -> None:
    well = "nothing waits"
    deadline = time.monotonic() + 60
    while True:  # until the first looks are over, and what other tests left has gone
        done = subprocess.run(
            [sys.executable, "-m", "deploy.command.main", "status", "--data", str(region.data)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines] == [*SERVICES, "web"], done.stderr
        assert done.returncode == (0 if all(line.endswith(f"ready      {well}") for line in lines) else 1)
        if lines[0] == f"identity      ready      {well}" and lines[-1] == f"web           ready      {well}":
            break
        assert time.monotonic() < deadline, done.stdout
        time.sleep(0.5)


def test_status_says_what_waits_and_what_fails() -> None:
    said = """# TYPE peercafe_engine_up gauge
peercafe_engine_up{engine="kafka"} 0.0
# TYPE peercafe_outbox_rows gauge
peercafe_outbox_rows 20.0
# TYPE peercafe_outbox_oldest_row_age_seconds gauge
peercafe_outbox_oldest_row_age_seconds 60.0
# TYPE peercafe_consumer_lag_records gauge
peercafe_consumer_lag_records{consumer="forum.replicas",topic="a"} 2.0
peercafe_consumer_lag_records{consumer="forum.replicas",topic="b"} 3.0
peercafe_consumer_lag_records{consumer="forum.aliases",topic="c"} 0.0
# TYPE peercafe_dead_letter_records gauge
peercafe_dead_letter_records{topic="dlq.forum"} 1.0
"""
    assert list(troubles(Numbers(said))) == [
        "kafka doesn't answer",
        "20 rows wait to be published, the oldest for 60 s",
        "forum.replicas is 5 records behind",
        "dead letters on dlq.forum: 1",
    ]


def test_a_region_tells_its_operators_how_it_does_and_nobody_else(region: RunningRegion) -> None:
    operators = region.engines["operators"]
    for service in (*SERVICES, "web"):
        said = httpx.get(f"{operators}/{service}/metrics")
        assert {family.name for family in text_string_to_metric_families(said.text)} <= LISTED
        assert httpx.get(f"{operators}/{service}/health/live").is_success
        for path in (f"/api/{service}/metrics", "/metrics", f"/{service}/metrics", "/health/live"):
            assert httpx.get(region.url + path).status_code == 404
    for path in ("/", "/forum/threads", "/nothing/metrics", "/forum/health", "/identity/openapi.json"):
        assert httpx.get(operators + path).status_code == 404


@pytest.mark.parametrize("words", [["serve", "forum"], ["migrate", "forum"]])
def test_missing_settings_are_named_and_no_value_is_told(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.command.main", *words],
        cwd=ROOT,
        env={"PEERCAFE_FORUM_SECRET": "not-to-be-told", "PEERCAFE_FORUM_DATABASE_POOL": "not-a-number"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert "PEERCAFE_FORUM_DATABASE_URL is missing." in lines
    assert "PEERCAFE_FORUM_REDIS_URL is missing." in lines
    assert "PEERCAFE_FORUM_DATABASE_POOL can't be used (int_parsing)." in lines
    assert "not-" not in done.stderr
    assert "Traceback" not in done.stderr
