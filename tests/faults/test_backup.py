"""Databases lost and restored, Kafka lost: both agree again, nothing acknowledged is gone, who was erased stays erased."""

import asyncio
import base64
import json
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from shared import clock
from shared.contracts import topics
from tests.faults.agreeing import agree, all_is_sent, database, said_last
from tests.journeys.test_the_whole_way import a_cafe
from tests.people import PASSPHRASE, Answer, People, Person, a_name, eventually
from tests.region.running import ARegion, RunningRegion, peercafe


@dataclass
class Written:
    """People, and where they have written."""

    operator: Person
    kari: Person
    anna: Person
    bo: Person
    gone: Person
    later: Person  # used no service before the backup, and leaves as well
    analyst: Person
    aliases: dict[str, str]  # of `gone`
    late_name: str  # taken after the backup
    community: str
    thread: str
    cafe: str
    study: str


# Where an alias of somebody who has left may still stand: to be refused, nothing else.
TOMBSTONES = {"forum": {"members"}, "events": {"guests"}, "notifications": {"departed"}}


async def found_in(region: RunningRegion, alias: str) -> dict[str, set[str]]:
    """The tables of all services but identity in which an alias or id stands."""
    found: dict[str, set[str]] = {}
    for service in ("forum", "events", "notifications", "analytics"):
        async with database(region, service) as connection:
            names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in names:
                if table in ("outbox", "outbox_sent"):
                    continue
                query = f"SELECT count(*) FROM {table} t WHERE position($1 in t::text) > 0"
                if await connection.fetchval(query, alias):
                    found.setdefault(service, set()).add(table)
    return found


def alias_in(token: str) -> str:
    body = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])


async def lives(people: People) -> Written:
    """A region with a thread, a café, a study, and somebody who is going to leave."""
    operator = await people.operator()
    community = await people.community(operator)
    kari = await operator.invites("consultant", [community], name=a_name("Kari"))
    anna, bo, gone = await asyncio.gather(
        *(
            operator.invites("member", [community], forum_name=a_name(n))
            for n in ("Heather", "Juniper", "Fir")
        )
    )
    later = await operator.invites("member", [community], research=False)
    analyst = await operator.invites("analyst")
    ends_on = (clock.today() + timedelta(days=30)).isoformat()
    study = await analyst.makes(
        "analytics", "/studies", {"title": "Storms", "communities": [community], "ends_on": ends_on}
    )
    await operator.makes("analytics", f"/studies/{study['id']}/approval")
    opening = {"title": "Quiet mornings", "wish": "listen", "body": "Before the backup."}
    thread = (await anna.makes("forum", "/threads", opening))["id"]
    await gone.makes("forum", f"/threads/{thread}/posts", {"body": "I was here before the backup."})
    cafe = (await kari.makes("events", "/gatherings", a_cafe(community)))["ids"][0]
    await gone.puts("events", f"/gatherings/{cafe}/answer", {"answer": "come"})
    await gone.reads("notifications", "/waiting")
    aliases = {name: alias_in(await gone.token(name)) for name in ("forum", "events", "notifications")}
    await eventually(lambda: figures(analyst, study["id"]), lambda seen: seen == (3, 2), seconds=60)
    return Written(
        operator,
        kari,
        anna,
        bo,
        gone,
        later,
        analyst,
        aliases,
        a_name("Birch"),
        community,
        thread,
        cafe,
        study["id"],
    )


async def lives_on(region: RunningRegion, people: People, before: Written) -> str:
    """What happens after the backup; returns the community made then."""
    posts = f"/threads/{before.thread}/posts"
    await before.bo.makes("forum", posts, {"body": "After the backup."})
    await before.gone.makes("forum", posts, {"body": "I was here after it, too."})
    opening = (await before.anna.reads("forum", f"/threads/{before.thread}"))["posts"][0]["id"]
    await before.anna.puts("forum", f"/posts/{opening}", {"body": "Written anew after the backup."})
    await before.kari.puts("events", f"/gatherings/{before.cafe}/head-count", {"members": 7})
    await before.kari.makes("events", "/gatherings", a_cafe(before.community, place="Lost"))
    community = await people.community(before.operator)
    await before.operator.invites("member", [before.community], forum_name=before.late_name)
    await before.bo.puts("identity", "/me/research", {"consent": False, "language": "en"})
    await before.later.makes("forum", "/profile", {"name": a_name("Rowan")})
    await before.later.puts("events", f"/gatherings/{before.cafe}/answer", {"answer": "come"})
    for leaving in (before.gone, before.later):
        await leaving.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
    await nobody_waits_for_a_week(region)
    for alias in before.aliases.values():
        await eventually(partial(found_in, region, alias), only_tombstones)
    await eventually(lambda: figures(before.analyst, before.study), lambda seen: seen == (1, 1), seconds=60)
    return community


async def nobody_waits_for_a_week(region: RunningRegion) -> None:
    """What each service would hear of at its own time within seven days, it hears of now."""
    async with database(region, "identity") as connection:
        await connection.execute("UPDATE endings_due SET due_at = now()")
        await eventually(
            lambda: connection.fetchval("SELECT count(*) FROM endings_due"), lambda count: count == 0
        )


async def figures(analyst: Person, study: str) -> tuple[int, int]:
    """Members and posts that are counted."""
    seen = await analyst.reads("analytics", f"/studies/{study}/research")
    return seen["members"], seen["posts"]


def only_tombstones(found: dict[str, set[str]]) -> bool:
    return all(tables == TOMBSTONES[service] for service, tables in found.items()) and len(found) == 1


@pytest.mark.timeout(600)
async def test_a_restored_region_has_what_reached_kafka_and_nobody_who_was_erased(
    a_region: ARegion, tmp_path: Path
) -> None:
    region = a_region().start()
    async with People(region) as people:
        before = await lives(people)
        backups, keys = tmp_path / "backups", tmp_path / "north.keys"
        assert " KB written" in peercafe(region, "backup", "--to", str(backups), "--keys", str(keys))
        [backup] = backups.iterdir()
        assert backup.name.startswith("north-")
        assert "is a backup itself" in peercafe(region, "backup", "--to", str(backup), status=1)
        assert "beside the backup" in peercafe(
            region, "backup", "--to", str(backups), "--keys", str(backups / "north.keys"), status=1
        )
        nothing_readable_lies_in(backup)
        assert "beside the keys" in peercafe(region, "backup", "--to", str(region.data / "backups"), status=1)
        assert "already running" in peercafe(region, "restore", "--from", str(backup), status=1)
        community = await lives_on(region, people, before)
        await all_is_sent(region)

    await asyncio.to_thread(region.kill_everything)
    damaged = damage(backup, tmp_path / "damaged")
    refused = peercafe(region, "restore", "--from", str(damaged), "--replace", status=1)
    assert "can't be used" in refused
    assert len(list((region.data / "postgres").iterdir())) >= 5, "the old databases are still there"
    new = a_region()
    assert "name their file with --keys" in peercafe(new, "restore", "--from", str(backup), status=1)
    assert not new.data.exists(), "what is refused leaves nothing"
    shutil.rmtree(region.data / "postgres")
    said = peercafe(region, "restore", "--from", str(backup))
    assert "WARNING" not in said
    assert "forum: an empty database is made" in said
    assert "--replace" in peercafe(region, "restore", "--from", str(backup), status=1)
    await asyncio.to_thread(region.start)
    async with People(region) as people:
        assert await agree(region, before.study) > 20
        anna = await people.sign_in(before.anna.sign_in_name)
        page = await anna.reads("forum", f"/threads/{before.thread}")
        bodies = [post["body_html"] and post["body_html"].strip() for post in page["posts"]]
        assert bodies == ["<p>Written anew after the backup.</p>", None, "<p>After the backup.</p>", None]
        for alias in before.aliases.values():
            assert only_tombstones(await found_in(region, alias))
        for left in (before.gone, before.later):
            body = {"sign_in_name": left.sign_in_name, "passphrase": PASSPHRASE, "client_id": "app"}
            assert (await people.http.post("/api/identity/sessions", json=body)).status_code == 401
        operator = await people.operator()
        assert community in {one["id"] for one in (await operator.reads("events", "/communities"))["items"]}
        analyst = await people.sign_in(before.analyst.sign_in_name)
        bo = await people.sign_in(before.bo.sign_in_name)
        assert not (await bo.reads("identity", "/me"))["research"]
        # Who withdrew since can't be told for certain, so all are asked again; the study forgets them meanwhile.
        me = await anna.reads("identity", "/me")
        assert (me["research"], me["research_asked_again"]) == (False, True)
        anew = await operator.invites("member", [before.community])
        with pytest.raises(Answer, match="name-belongs-to-nobody"):
            await anew.makes("forum", "/profile", {"name": before.late_name})
        assert "belong to nobody" in region.said
        assert "belong to nobody" in peercafe(region, "status", status=1)
        await nobody_waits_for_a_week(region)
        await eventually(lambda: figures(analyst, before.study), lambda seen: seen == (0, 0), seconds=60)
        await anna.puts("identity", "/me/research", {"consent": True, "language": "en"})
        assert (await anna.reads("identity", "/me"))["research"]
        kari = await people.sign_in(before.kari.sign_in_name)
        assert (await kari.reads("events", f"/gatherings/{before.cafe}"))["head_count"] == 7
        assert [cafe["id"] for cafe in (await kari.reads("events", "/gatherings"))["items"]] == [before.cafe]
        await writes_on(region, anna, kari, before)

    # The other way round: databases intact, Kafka lost with its disk.
    assert await asyncio.to_thread(region.stop) == 0
    shutil.rmtree(region.data / "kafka")
    await asyncio.to_thread(region.start)
    async with People(region) as people:
        assert await agree(region, before.study) > 20
        anna = await people.sign_in(before.anna.sign_in_name)
        kari = await people.sign_in(before.kari.sign_in_name)
        await writes_on(region, anna, kari, before)
        assert await agree(region, before.study) > 20

    # Both lost: nobody knows any more who has left since the backup, and that is said aloud.
    assert await asyncio.to_thread(region.stop) == 0
    assert "comes back" in peercafe(region, "restore", "--from", str(backup), "--replace")
    await asyncio.to_thread(region.start)
    logs = "".join(path.read_text() for path in (region.data / "logs").glob("*.log"))
    assert logs.count("Kafka is another one than then") == 5
    assert region.said.count("whoever left or was closed since that backup is back") == 1
    assert "is back" in peercafe(region, "status", status=1)


async def writes_on(region: RunningRegion, anna: Person, kari: Person, before: Written) -> None:
    """No version is used twice: what is written now stands above all that was ever said, and is taken by all."""
    said = {topic: await said_last(region, topic) for topic in (topics.POSTS.name, topics.GATHERINGS.name)}
    opening = (await anna.reads("forum", f"/threads/{before.thread}"))["posts"][0]["id"]
    await anna.puts("forum", f"/posts/{opening}", {"body": f"Written once more, {os.urandom(4).hex()}."})
    members = (await kari.reads("events", f"/gatherings/{before.cafe}"))["head_count"] + 1
    await kari.puts("events", f"/gatherings/{before.cafe}/head-count", {"members": members})
    await all_is_sent(region)
    for topic, key in ((topics.POSTS.name, opening), (topics.GATHERINGS.name, before.cafe)):
        assert (await said_last(region, topic))[key][0] > said[topic][key][2]


def nothing_readable_lies_in(backup: Path) -> None:
    """The backup is its owner's, and opens with nothing that is in it."""
    for path in backup.iterdir():
        if path.suffix == ".dump":
            assert path.stat().st_mode & 0o077 == 0
            assert b"PGDMP" not in path.read_bytes()
    assert {path.name for path in backup.iterdir()} >= {"manifest.json", "identity.dump", "forum.dump"}


def damage(backup: Path, to: Path) -> Path:
    """A copy in which one bit of the forum's last chunk is another."""
    shutil.copytree(backup, to)
    dump = bytearray((to / "forum.dump").read_bytes())
    dump[-1] ^= 1
    (to / "forum.dump").write_bytes(dump)
    return to
