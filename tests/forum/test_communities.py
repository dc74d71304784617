"""A community that its member shows, and hides again: told by identity alone, to nobody before, to nobody after."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.forum.use_cases.leaving import change_members
from shared.contracts.payloads.forum import ProfilePresented
from shared.contracts.payloads.identity import AudienceAlias
from shared.hlc import version_at
from tests.forum.people import Json, Person, Place
from tests.forum.records import Applying, Region, received

PROFILES = "shared.forum.profiles.v1"
HIDDEN = {"community": None, "region": None}
SHOWN = {"community": "Steinvåg", "region": "north"}


async def shows(person: Person, community: str = "Steinvåg") -> Json:
    """With a token that identity makes for this alone."""
    person.said = {"community": community}
    profile: Json = await person.do("PUT", "/profile/community")
    person.said = {}
    return profile


def of(author: Json) -> Json:
    return {name: author[name] for name in ("community", "region")}


async def everywhere(reader: Person, thread: Json) -> list[Json]:
    """The writer of `thread` in every answer that names them."""
    page = await reader.reads(thread)
    [listed] = [each for each in await reader.threads() if each["id"] == thread["id"]]
    post = await reader.do("GET", f"/posts/{page['posts'][0]['id']}")
    profile = await reader.do("GET", f"/profiles/{page['author']['id']}")
    return [
        of(author)
        for author in (page["author"], page["posts"][0]["author"], listed["author"], post["author"], profile)
    ]


async def test_nobody_is_told_before_a_member_shows_it_nor_after_they_hide_it(
    forum: Place, ada: Person, bo: Person, applying: Applying
) -> None:
    thread = await ada.opens()
    await _read_back(forum, applying)
    assert await everywhere(bo, thread) == [HIDDEN] * 5
    assert of(await shows(ada)) == SHOWN
    assert await everywhere(bo, thread) == [SHOWN] * 5
    assert of((await ada.replies(thread))["author"]) == SHOWN
    assert of((await ada.do("GET", "/export"))["profile"]) == SHOWN
    assert of(await ada.do("DELETE", "/profile/community")) == HIDDEN
    assert await everywhere(bo, thread) == [HIDDEN] * 5
    assert "Steinvåg" not in str(await forum.rows("SELECT p::text FROM profiles p"))


async def test_each_change_is_one_version_and_no_change_none(forum: Place, ada: Person) -> None:
    for _ in range(2):
        await shows(ada)
    await ada.do("PUT", "/profile", {"name": "Selje"})
    for _ in range(2):
        await ada.do("DELETE", "/profile/community")
    states = [state for _, state in await forum.published(PROFILES)]
    assert [state["community"] for state in states] == [None, "Steinvåg", "Steinvåg", None]
    versions = [state["version"] for state in states]
    assert versions == sorted(set(versions))


async def test_only_identity_says_which_community_it_is(forum: Place, ada: Person, kari: Person) -> None:
    refused = await ada.ask("PUT", "/profile/community", {"community": "Lyngmo"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/community-not-said")
    newcomer = forum.newcomer()
    newcomer.said = {"community": "Steinvåg"}
    refused = await newcomer.ask("PUT", "/profile/community")
    assert refused.json()["type"] == "/problems/forum-name-needed"
    kari.said = {"community": "Steinvåg"}
    assert (await kari.ask("PUT", "/profile/community")).status_code == 403
    assert all(state["community"] is None for _, state in await forum.published(PROFILES))


async def test_in_a_pause_it_can_be_hidden_and_not_shown(forum: Place, ada: Person, kari: Person) -> None:
    thread = await ada.opens()
    await shows(ada)
    pause = {"category": "unkind", "reason": "Please breathe.", "days": 1}
    await kari.do("PUT", f"/posts/{thread['posts'][0]['id']}/sanction", pause)
    assert of(await ada.do("DELETE", "/profile/community")) == HIDDEN
    ada.said = {"community": "Steinvåg"}
    refused = await ada.ask("PUT", "/profile/community")
    assert refused.json()["type"] == "/problems/writing-paused"


async def test_who_leaves_takes_it_along(forum: Place, ada: Person, applying: Applying) -> None:
    await shows(ada)
    await applying.execute(
        "UPDATE members SET erased = true, erasure_id = gen_random_uuid(), erasing_since = :at WHERE alias = :alias",
        alias=ada.alias, at=(await forum.rows("SELECT max(arrived_at) AS at FROM profiles"))[0]["at"],
    )  # fmt: skip
    await applying.erase()
    [*_, (_, last)] = await forum.published(PROFILES)
    assert (last["erased"], last["community"]) == (True, None)
    assert "Steinvåg" not in str(await forum.rows("SELECT p::text FROM profiles p"))


@pytest.mark.parametrize("change", [{"role": "member", "closed": True}, {"role": "consultant"}])
async def test_of_who_can_hide_it_no_more_it_is_hidden_everywhere_at_once(
    forum: Place, ada: Person, bo: Person, applying: Applying, change: dict[str, Any]
) -> None:
    thread = await ada.opens()
    await _read_back(forum, applying)
    await shows(ada)
    at = datetime.now(UTC)
    said = AudienceAlias(id=ada.alias, home="north", version=version_at(at), **change)
    async with applying.sessions() as session, session.begin():
        await change_members(session, applying.home, b"secret", [said], at)
    ada.role = change["role"]
    assert (await ada.ask("DELETE", "/profile/community")).status_code == 403
    assert await everywhere(bo, thread) == [HIDDEN] * 5
    [*_, (_, last)] = await forum.published(PROFILES)
    assert (last["name"], last["community"]) == ("Ada", None)


@pytest.mark.parametrize(
    "lost",
    [
        "members SET closed = true WHERE profile_id",
        "members SET profile_id = NULL WHERE profile_id",
        "profiles SET role = 'consultant' WHERE id",
    ],
)
async def test_what_nobody_can_hide_any_more_is_hidden_soon(
    forum: Place, ada: Person, bo: Person, applying: Applying, lost: str
) -> None:
    for person in (ada, bo):
        await shows(person)
    where = "(SELECT profile_id FROM members WHERE alias = :alias)"
    await applying.execute(f"UPDATE {lost} = {where}", alias=ada.alias)
    for _ in range(2):
        await applying.tidy()
    states = [(state["name"], state["community"]) for _, state in await forum.published(PROFILES)]
    assert states[4:] == [("Ada", None)], "once, and of nobody else"


async def test_what_is_shown_in_another_region_is_shown_here_and_gone_with_the_next_version(
    forum: Place, bo: Person, applying: Applying
) -> None:
    south = Region()
    thread = south.thread()
    opening = south.post(thread.id, opening=True)
    await applying.south(south.profile(community="Fjellby"), thread, opening)
    here = {"id": str(thread.id)}
    assert await everywhere(bo, here) == [{"community": "Fjellby", "region": "south"}] * 5
    await applying.south(south.profile())
    assert await everywhere(bo, here) == [HIDDEN] * 5
    assert "Fjellby" not in str(await forum.rows("SELECT p::text FROM profiles p"))


async def test_a_community_that_the_release_before_didnt_know_is_there_after_the_upgrade(
    forum: Place, bo: Person, applying: Applying
) -> None:
    south = Region()
    record = received(south.profile(community="Fjellby"), "south")
    await applying.apply(record)
    await forum.database.execute("UPDATE profiles SET community = NULL, projection = 1")
    await applying.project_again()
    assert of(await bo.do("GET", f"/profiles/{south.author.id}")) == {
        "community": "Fjellby",
        "region": "south",
    }


async def test_two_accounts_of_one_consultant_share_a_name_and_nobody_else_does(
    forum: Place, applying: Applying
) -> None:
    kari = forum.consultant("Kari Nordmann")
    north = (await kari.do("POST", "/profile", {}))["id"]
    south, other = Region(), Region()

    async def marks(*profiles: ProfilePresented) -> list[bool]:
        """Kari's in the north, then those of the south: two that lie on both sides of hers sooner or later."""
        await applying.south(*profiles)
        ids: list[Any] = [north, *(profile.id for profile in profiles)]
        return [(await kari.do("GET", f"/profiles/{id_}"))["look_alike"] for id_ in ids]

    named = {"name": "Kari Nordmann", "role": "consultant"}
    assert sorted(await marks(south.profile(**named))) == [False, True], "the same name and no word of it"
    assert await marks(south.profile(**named, same_as=north)) == [False, False]
    ours, hers, strangers = await marks(
        south.profile(**named, same_as=north), other.profile("Kari N0rdmann", same_as=north)
    )
    assert ours is hers
    assert strangers is not ours, "a member is nobody's second account"
    assert "same_as" not in json.dumps(await kari.do("GET", f"/profiles/{south.author.id}"))


async def test_a_consultants_first_write_says_whose_second_account_it_is(forum: Place) -> None:
    first = Region().author.id
    kari = forum.consultant("Kari Nordmann")
    kari.said = {"same_as": str(first)}
    await kari.opens()
    [(_, state)] = await forum.published(PROFILES)
    assert state["same_as"] == str(first)


async def _read_back(forum: Place, applying: Applying) -> None:
    """Threads stand in the list once their posts were read back."""
    from shared.contracts.payloads.forum import PostPublished, ThreadOpened

    for topic, kind in (("threads", ThreadOpened), ("posts", PostPublished)):
        for _, state in await forum.published(f"shared.forum.{topic}.v1"):
            await applying.apply(received(kind(**state), None))
