"""Erasures between regions, and what a busy writer's erasure takes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy.exc import DBAPIError

from services.forum.due import ROUNDS, UNCONFIRMED, DueWork
from services.forum.replicas.applying import Replicas
from services.forum.use_cases import leaving
from services.forum.use_cases.profiles import NOBODY
from shared.bus.halving import fault_of
from shared.clock import stopped_at
from shared.contracts.payloads.forum import ErasureRequested
from shared.contracts.payloads.identity import AudienceAlias
from shared.hlc import version_at
from shared.telemetry import notices
from tests.engines import Engines
from tests.forum.conftest import running, settings_for
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying, Region, received
from tests.tokens import Issuer

EAST = "east"


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
    assert answer["profiles"] == [str(south.author.id)]


async def from_both(applying: Applying, *states: Any) -> None:
    """Records of south and of east, each on its own topic."""
    await applying.apply(*(received(state, state.home) for state in states))


def request_of(region: Region, erasure: UUID, *profiles: UUID) -> ErasureRequested:
    return ErasureRequested(
        id=f"{erasure}:{region.name}", home=region.name, version=region.home.clock.tick(), erasure_id=erasure,
        profiles=profiles or (region.author.id,),
    )  # fmt: skip


async def test_an_answer_is_about_the_profiles_of_who_asked_whoever_else_uses_their_erasure_id(
    with_neighbours: tuple[Place, Applying],
) -> None:
    place, applying = with_neighbours
    south, east, erasure = Region(SOUTH), Region(EAST), uuid4()
    await from_both(applying, south.profile(), east.profile(erased=True, name=None, mark=None))
    await from_both(applying, request_of(east, erasure))
    await applying.erase()
    [(_, first)] = await place.published("shared.forum.erasures.v1")
    assert first["profiles"] == [str(east.author.id)], "nothing of south's is erased"
    await from_both(applying, request_of(south, erasure))
    await applying.erase()
    assert len(await place.published("shared.forum.erasures.v1")) == 1
    await from_both(applying, south.profile(erased=True, name=None, mark=None))
    await applying.erase()
    await applying.erase()
    [_, (_, second)] = await place.published("shared.forum.erasures.v1")
    assert second["version"] > first["version"]
    assert set(second["profiles"]) == {str(east.author.id), str(south.author.id)}
    assert [row["answered"] for row in await place.rows("SELECT answered FROM erasures")] == [True] * 3


async def test_a_region_asks_for_its_own_profiles_alone(with_neighbours: tuple[Place, Applying]) -> None:
    place, applying = with_neighbours
    south, east, erasure = Region(SOUTH), Region(EAST), uuid4()
    await from_both(applying, south.profile(erased=True, name=None, mark=None), east.profile())
    for profiles in ((south.author.id,), tuple(uuid4() for _ in range(11))):
        await from_both(applying, request_of(east, erasure, *profiles))
        await applying.erase()
    assert await place.published("shared.forum.erasures.v1") == []


async def test_a_request_of_ours_is_never_overwritten_by_an_answer(
    with_neighbours: tuple[Place, Applying],
) -> None:
    place, applying = with_neighbours
    ada, east = await place.member("Ada"), Region(EAST)
    erasure, told = await erases(place, applying, ada.alias)
    asked = UUID(told[0]["erasure_id"])
    await from_both(applying, east.profile(erased=True, name=None, mark=None), request_of(east, asked))
    await applying.erase()
    assert [state for _, state in await place.published("shared.forum.erasures.v1")] == told
    await from_both(applying, confirmation(told[0] | {"profiles": [str(east.author.id)]}, Region(SOUTH)))
    assert await elsewhere(place, erasure) == {EAST: None, SOUTH: None}, "south answered east"
    notices.take()
    work = DueWork(applying.sessions, applying.home, applying.replicas, lambda: None, (SOUTH,))
    with stopped_at(datetime.now(UTC) + timedelta(days=1, minutes=1)):
        await work.remind()
        await work.remind()
    assert notices.take() == [UNCONFIRMED.format(region=SOUTH)]


async def test_another_regions_erasure_is_not_acknowledged_while_anything_its_writer_wrote_is_readable_here(
    forum: Place, applying: Applying
) -> None:
    south, erasure = Region(), uuid4()
    thread = south.thread()
    written = [thread, south.post(thread.id, opening=True), south.reaction(thread.id)]
    asked = ErasureRequested(  # of whoever wrote much it names a part
        id=f"{erasure}:south", home=SOUTH, version=south.home.clock.tick(), erasure_id=erasure,
        profiles=(south.author.id,),
    )  # fmt: skip
    await applying.south(asked, *written, south.profile())
    await applying.south(south.profile(erased=True, name=None, mark=None))
    for state in written:
        await applying.erase()
        assert await forum.published("shared.forum.erasures.v1") == []
        contents = {"title", "wish", "body", "kind"} & type(state).model_fields.keys()
        last = dict.fromkeys(contents) | {"erased": True, "version": south.home.clock.tick()}
        await applying.south(state.model_copy(update=last))
    await applying.erase()
    [(key, _)] = await forum.published("shared.forum.erasures.v1")
    assert key == f"{erasure}:north"


async def test_only_what_isnt_answered_is_looked_at_again(forum: Place, applying: Applying) -> None:
    south = Region()
    requests = []
    for _ in range(3):
        erasure = uuid4()
        requests.append(ErasureRequested(
            id=f"{erasure}:south", home=SOUTH, version=south.home.clock.tick(), erasure_id=erasure,
            profiles=(south.author.id,),
        ))  # fmt: skip
    other = Region()
    waits = requests[0].model_copy(update={"profiles": (other.author.id,)})
    await applying.south(waits, *requests[1:], south.profile(erased=True, name=None, mark=None))
    await applying.erase()
    left = await forum.rows("SELECT id FROM erasures WHERE NOT answered")
    assert [row["id"] for row in left] == [waits.id]
    # As after an upgrade: what was answered before is not answered again.
    await applying.execute("UPDATE erasures SET answered = false")
    await applying.erase()
    assert len(await forum.published("shared.forum.erasures.v1")) == 2
    await applying.south(other.profile(erased=True, name=None, mark=None))
    await applying.erase()
    assert await forum.rows("SELECT id FROM erasures WHERE NOT answered") == []
    assert len(await forum.published("shared.forum.erasures.v1")) == 3


FLOOD = """INSERT INTO erasures (id, home, version, erased, projection, arrived_at, erasure_id, profiles, threads, posts,
    reactions, acknowledged)
SELECT e || ':' || 'east', 'east', 1, false, 2, now(), e, ARRAY[CAST(:profile AS uuid)], '{}', '{}', '{}', false
FROM (SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid) AS e FROM generate_series(1, :count) n) flood"""


async def test_what_one_region_asks_for_in_vain_keeps_no_others_confirmation_nor_its_own_waiting(
    with_neighbours: tuple[Place, Applying], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, applying = with_neighbours
    monkeypatch.setattr(leaving, "LOOKED_AT", 5)
    work = DueWork(applying.sessions, applying.home, applying.replicas, lambda: None)
    south, east, never = Region(SOUTH), Region(EAST), uuid4()
    await applying.execute(FLOOD, profile=never, count=3_000)
    await from_both(applying, request_of(south, uuid4()), south.profile(erased=True, name=None, mark=None))
    await work.erase()
    answers = await place.published("shared.forum.erasures.v1")
    assert [state["profiles"] for _, state in answers] == [[str(south.author.id)]]
    assert 5 <= UUID(work.looked_at[EAST].removesuffix(":east")).int <= 5 * ROUNDS, (
        "the others have their turns"
    )

    later = "DELETE FROM erasures WHERE home = 'east' AND erasure_id > CAST(:last AS uuid)"
    await applying.execute(later, last=UUID(int=60))
    await from_both(
        applying, request_of(east, UUID(int=2**120)), east.profile(erased=True, name=None, mark=None)
    )
    for _ in range(15):
        await work.erase()
    [_, (_, answer)] = await place.published("shared.forum.erasures.v1")
    assert answer["profiles"] == [str(east.author.id)]


@pytest.fixture
async def with_neighbours(engines: Engines) -> AsyncIterator[tuple[Place, Applying]]:
    """North, which shares its forum with east and south."""
    issuer, settings = Issuer(), await settings_for(engines, neighbours=(SOUTH, EAST))
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        applying = Applying(place)
        applying.replicas = Replicas(applying.home, [SOUTH, EAST])
        yield place, applying
        await applying.engine.dispose()


async def erases(place: Place, applying: Applying, alias: UUID) -> tuple[UUID, list[dict[str, Any]]]:
    """Identity says that somebody has left: under which erasure id, and what north then told the other regions."""
    erasure, secret = uuid4(), place.settings.secret.get_secret_value().encode()
    change = AudienceAlias(
        id=alias, home="north", version=version_at(datetime.now(UTC)), erased=True, erasure_id=erasure
    )
    async with applying.sessions() as session, session.begin():
        await leaving.change_members(session, applying.home, secret, [change], datetime.now(UTC))
    await applying.erase()
    return erasure, [state for _, state in await place.published("shared.forum.erasures.v1")]


def confirmation(asked: dict[str, Any], region: Region) -> ErasureRequested:
    """What a region answers."""
    return ErasureRequested(
        id=f"{asked['erasure_id']}:{region.name}", home=region.name, version=region.home.clock.tick(),
        erasure_id=asked["erasure_id"], profiles=tuple(asked["profiles"]), acknowledged=True,
    )  # fmt: skip


async def elsewhere(place: Place, erasure: UUID) -> dict[str, str | None]:
    """What is answered to whoever was led to an erasure by their receipt."""
    answer = await place.client.post("/erasures/look", json={"erasure_id": str(erasure)})
    assert answer.status_code == 200, answer.text
    return {one["region"]: one["confirmed_on"] for one in answer.json()["regions"]}


async def test_each_regions_confirmation_of_an_erasure_is_told_by_day(
    with_neighbours: tuple[Place, Applying],
) -> None:
    place, applying = with_neighbours
    ada, silent = await place.member("Ada"), place.newcomer()
    await ada.opens()
    erasure, [asked, _] = await erases(place, applying, ada.alias)
    assert await elsewhere(place, erasure) == {EAST: None, SOUTH: None}
    await applying.south(confirmation(asked, Region()))
    assert await elsewhere(place, erasure) == {EAST: None, SOUTH: str(datetime.now(UTC).date())}
    nothing_written, _ = await erases(place, applying, silent.alias)
    assert await elsewhere(place, nothing_written) == {}, "no region ever heard of them"
    assert await elsewhere(place, uuid4()) == {}


async def test_other_regions_dont_hear_of_an_erasure_as_a_receipt_tells_it(
    with_neighbours: tuple[Place, Applying],
) -> None:
    place, applying = with_neighbours
    ada = await place.member("Ada")
    erasure, told = await erases(place, applying, ada.alias)
    assert told
    for table in await place.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for row in await place.rows(f'SELECT CAST(t AS text) AS line FROM "{table["tablename"]}" t'):
            assert str(erasure) not in row["line"], table
    assert str(erasure) not in str(told)
    assert await elsewhere(place, told[0]["erasure_id"]) == {}, "what a neighbour knows leads nowhere"


async def test_operators_are_reminded_of_regions_that_stay_silent_for_more_than_a_day(
    with_neighbours: tuple[Place, Applying],
) -> None:
    place, applying = with_neighbours
    ada = await place.member("Ada")
    _, [asked, _] = await erases(place, applying, ada.alias)
    work = DueWork(applying.sessions, applying.home, applying.replicas, lambda: None, (SOUTH, EAST))
    notices.take()
    for _ in range(2):
        await work.remind()
    assert notices.take() == [], "a day hasn't passed"
    with stopped_at(datetime.now(UTC) + timedelta(days=1, minutes=1)):
        await work.remind()
        assert notices.take() == [], "they may be catching up"
        await work.remind()
        assert notices.take() == [UNCONFIRMED.format(region=region) for region in (EAST, SOUTH)]
    await applying.south(confirmation(asked, Region()))
    with stopped_at(datetime.now(UTC) + timedelta(days=1, minutes=1)):
        await work.remind()
        assert notices.take() == [UNCONFIRMED.format(region=EAST)]


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
    record = received(Region().thread(), SOUTH)
    said = orjson.loads(record.body) | {"of_a_later_release": "null \u0000 inside"}
    with pytest.raises(DBAPIError) as caught:
        await applying.apply(record._replace(body=orjson.dumps(said)))
    assert fault_of(caught.value) == "sqlstate-22P05"
