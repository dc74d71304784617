"""Erasures between regions, and what a busy writer's erasure takes."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from services.forum.use_cases import leaving
from services.forum.use_cases.profiles import NOBODY
from shared.bus.batches import fault_of
from shared.contracts.payloads.forum import ErasureRequested
from shared.contracts.payloads.identity import AudienceAlias
from shared.hlc import version_at
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying, Region, received


async def test_another_regions_erasure_is_acknowledged_once_all_it_names_is_erased(
    forum: Place, applying: Applying
) -> None:
    south, erasure = Region(), uuid4()
    thread = south.thread()
    post = south.post(thread.id, opening=True)
    request = ErasureRequested(
        id=f"{erasure}:south",
        home=SOUTH,
        version=south.home.clock.tick(),
        erasure_id=erasure,
        profiles=(south.author.id,),
        threads=(thread.id,),
        posts=(post.id,),
    )
    last = {"erased": True, "title": None, "wish": None}
    await applying.south(request, thread, post, south.profile())
    await applying.south(thread.model_copy(update=last | {"version": south.home.clock.tick()}))
    await applying.erase()
    assert await forum.published("shared.forum.erasures.v1") == []
    await applying.south(
        post.model_copy(update={"erased": True, "body": None, "version": south.home.clock.tick()}),
        south.profile(erased=True, name=None, mark=None),
    )
    await applying.erase()
    await applying.erase()
    [(key, answer)] = await forum.published("shared.forum.erasures.v1")
    assert (key, answer["home"], answer["acknowledged"]) == (f"{erasure}:north", "north", True)


async def test_a_busy_writer_is_erased_bit_by_bit(
    forum: Place, ada: Person, applying: Applying, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await ada.opens()
    for n in range(7):
        await ada.replies(thread, f"Word {n}")
    monkeypatch.setattr(leaving, "AT_ONCE", 3)
    change = AudienceAlias(id=ada.alias, home="north", version=version_at(datetime.now(UTC)), erased=True)
    async with applying.sessions() as session, session.begin():
        await leaving.change_members(session, applying.home, b"secret", [change], datetime.now(UTC))
    await applying.erase()
    assert await forum.rows("SELECT FROM posts WHERE NOT erased") == []
    posts = await forum.published("shared.forum.posts.v1")
    assert sum(state["erased"] for _, state in posts) == 8


async def test_the_name_of_whoever_left_stays_taken_and_leads_to_nothing_they_wrote(
    forum: Place, ada: Person, applying: Applying
) -> None:
    stays = await forum.member("Quiet Heron")
    await ada.opens()
    await ada.do("PUT", "/profile", {"name": "Ada Once More"})
    change = AudienceAlias(id=ada.alias, home="north", version=version_at(datetime.now(UTC)), erased=True)
    async with applying.sessions() as session, session.begin():
        await leaving.change_members(session, applying.home, b"secret", [change], datetime.now(UTC))
    await applying.erase()
    await applying.tidy()
    led = await forum.rows(
        "SELECT n.skeleton FROM names n JOIN profiles p ON p.id = n.profile_id OR p.xmin = n.xmin"
        " JOIN posts w ON w.author_id = p.id"
    )
    assert led == []
    taken = await forum.rows("SELECT profile_id FROM names")
    assert sorted(str(row["profile_id"]) for row in taken if row["profile_id"] != NOBODY) == [
        (await stays.do("GET", "/profile"))["id"]
    ]
    newcomer = forum.newcomer()
    for name in ("Ada", "Ada Once More"):
        assert not (await newcomer.do("POST", "/names/check", {"name": name}))["free"]
        answer = await newcomer.ask("POST", "/profile", {"name": name})
        assert answer.json()["type"] == "/problems/name-taken"


async def test_only_members_and_consultants_come_in(forum: Place, ada: Person) -> None:
    thread = await ada.opens()
    for role in ("provider", "analyst", "operator"):
        stranger = Person(forum, role, None)
        for method, path in (("GET", "/threads"), ("GET", f"/threads/{thread['id']}"), ("POST", "/threads")):
            answer = await stranger.ask(method, path, {} if method == "POST" else None)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-for-this-role")
    assert (await forum.client.get("/threads")).status_code == 401


async def test_a_record_the_database_cant_hold_is_named_as_its_own_fault(applying: Applying) -> None:
    with pytest.raises(DBAPIError) as caught:
        await applying.apply(received(Region().thread("null \u0000 inside"), SOUTH))
    assert fault_of(caught.value) == "sqlstate-22P05"
