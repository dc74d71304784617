"""Forum names: nobody can pass for somebody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forum.names import fault_of, skeleton
from services.forum.names.table import make_table, read_table
from services.forum.use_cases import muting
from tests.forum.people import Person, Place
from tests.forum.records import SOUTH, Applying, Region

LOOK_ALIKES = [
    ("Ida", "ida"),
    ("Ida", "lda"),  # a small l for the capital I
    ("Lark", "L\u0430rk"),  # a Cyrillic a
    ("Bobo", "B0bo"),
    ("modern", "rnodern"),
    ("Åse", "A\u030ase"),
    ("Ｋａｒｉ", "Kari"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_names_that_look_alike_share_a_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Ola", "Øla"), ("Kari", "Karin"), ("Bo", "Bø"), ("Anna", "Anne")]
)
def test_names_that_can_be_told_apart_dont(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.text(max_size=30))
def test_a_skeleton_doesnt_change_by_case_or_width(name: str) -> None:
    import unicodedata

    assert skeleton(name) == skeleton(unicodedata.normalize("NFKC", name))
    assert skeleton(name.casefold()) == skeleton(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("A", "length"),
        ("x" * 31, "length"),
        ("...", "characters"),
        ("<b>Ada</b>", "characters"),
        ("Ada\u200bB", "characters"),
        ("Ada 🙂", "characters"),
        ("Ada ", "characters"),
        ("Ada  B", "characters"),
        ("Ada\u3164", "characters"),
        ("Moderator", "role"),
        ("m0derator", "role"),
        ("Erfaringskonsulent", "role"),
        ("Blåbær 7", None),
        ("O'Neil-Å", None),
    ],
)
def test_what_can_be_a_forum_name(name: str, fault: str | None) -> None:
    assert fault_of(name) == fault


def test_the_table_is_what_unicodes_files_say() -> None:
    confusables = "# Version: 15.0.0\n0430 ;\t0061 ;\tMA\t# ( а → a )\n006D ;\t0072 006E ;\tMA\t# \n"
    properties = "200B..200F    ; Default_Ignorable_Code_Point # Cf   [5]\n00AD ; Other # x\n"
    assert list(make_table(confusables, properties))[2:] == ["0430;0061", "006D;0072 006E", "200B..200F;-"]
    table = read_table()
    assert len(table.prototypes) > 6000
    assert table.map("\u0430\u200bm") == "arn"


async def test_a_name_is_taken_once(forum: Place, ada: Person) -> None:
    newcomer = forum.newcomer()
    assert (await newcomer.ask("GET", "/profile")).json()["type"] == "/problems/forum-name-needed"
    for name in ("Ada", "ADA", "Аda"):  # the last with a Cyrillic А
        answer = await newcomer.ask("POST", "/profile", {"name": name})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/name-taken")
        assert await newcomer.do("POST", "/names/check", {"name": name}) == {"free": False}
    assert await newcomer.do("POST", "/names/check", {"name": "Blåbær"}) == {"free": True}
    profile = await newcomer.do("POST", "/profile", {"name": "Blåbær"})
    assert await newcomer.do("POST", "/profile", {"name": "Blåbær"}) == profile  # repeated
    assert (await newcomer.ask("POST", "/profile", {"name": "Bjørk"})).json()[
        "type"
    ] == "/problems/profile-exists"
    assert profile.keys() == {"id", "name", "mark", "role", "look_alike", "community", "region"}
    assert 0 <= profile["mark"] < 2**31


async def test_two_who_want_one_name_at_one_moment(forum: Place) -> None:
    import asyncio

    people = [forum.newcomer() for _ in range(6)]
    answers = await asyncio.gather(*(p.ask("POST", "/profile", {"name": "Rogn"}) for p in people))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_a_released_name_stays_reserved(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    await ada.do("PUT", "/profile", {"name": "Selje"})
    assert (await bo.reads(thread))["posts"][0]["author"]["name"] == "Selje"
    answer = await bo.ask("PUT", "/profile", {"name": "Ada"})
    assert answer.json()["type"] == "/problems/name-taken"
    assert (await ada.do("PUT", "/profile", {"name": "Ada"}))["name"] == "Ada"  # her own
    states = [state for _, state in await forum.published("shared.forum.profiles.v1")]
    assert [state["name"] for state in states] == ["Ada", "Bo", "Selje", "Ada"]


async def test_a_name_from_elsewhere_stays_taken_when_its_owner_renames_or_leaves_as_one_of_here_does(
    forum: Place, ada: Person, applying: Applying
) -> None:
    await ada.do("PUT", "/profile", {"name": "Selje"})
    south, like_ours = Region(), Region()
    for name in ("Sol", "Solveig"):
        await applying.south(south.profile(name), like_ours.profile("Ada"))
    await applying.south(*(who.profile(None, mark=None, erased=True) for who in (south, like_ours)))
    async with applying.sessions() as session, session.begin():
        await muting.mute(session, "north", [SOUTH], SOUTH)
    for tidied in (False, True):
        if tidied:
            await applying.tidy()
        for asks in (forum.newcomer(), await forum.member(f"Asks {tidied}")):
            refused = set()
            for name in ("Ada", "Sol", "Solveig"):
                assert await asks.do("POST", "/names/check", {"name": name}) == {"free": False}
                method = "POST" if asks.name is None else "PUT"
                refused.add((await asks.ask(method, "/profile", {"name": name})).text)
            assert len(refused) == 1, refused
            assert "name-taken" in str(refused)
    assert (await ada.do("PUT", "/profile", {"name": "Ada"}))["name"] == "Ada"  # hers all the while


async def test_a_name_whose_owner_a_restore_forgot_says_so_kindly_to_who_may_have_had_it(
    forum: Place, ada: Person, bo: Person
) -> None:
    await forum.database.execute("UPDATE members SET profile_id = NULL WHERE alias = $1", ada.alias)
    for person, method, says in ((ada, "POST", "name-belongs-to-nobody"), (bo, "PUT", "name-taken")):
        answer = await person.ask(method, "/profile", {"name": "Ada"})
        assert (answer.status_code, answer.json()["type"]) == (409, f"/problems/{says}")


async def test_a_consultant_writes_under_the_name_of_their_token(forum: Place, bo: Person) -> None:
    kari = forum.consultant("Kari Nordmann")
    thread = await kari.opens()
    author = thread["posts"][0]["author"]
    assert (author["name"], author["role"], author["look_alike"]) == ("Kari Nordmann", "consultant", False)
    assert (await kari.do("GET", "/profile"))["name"] == "Kari Nordmann"
    answer = await bo.ask("PUT", "/profile", {"name": "Kari N0rdmann"})
    assert answer.json()["type"] == "/problems/name-taken"
    answer = await kari.ask("PUT", "/profile", {"name": "Somebody"})
    assert answer.json()["type"] == "/problems/name-is-fixed"


async def test_who_comes_later_with_a_look_alike_is_told_apart(forum: Place) -> None:
    member = await forum.member("Kari")
    consultant = forum.consultant("Kari")
    await consultant.do("POST", "/profile", {})
    marks = [await person.do("GET", "/profile") for person in (member, consultant)]
    # The smaller id stays plain, in every region alike.
    assert [p["look_alike"] for p in sorted(marks, key=lambda p: p["id"])] == [False, True]
