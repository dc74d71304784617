"""What people come for, through the public HTTP API of a whole region."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.people import PASSPHRASE, People, a_name, eventually

ZONE = "Europe/Oslo"


def a_cafe(community: str, **changed: object) -> dict[str, object]:
    """A café of today that began a quarter of an hour ago; just after midnight, at midnight: days that have passed are refused."""
    now = datetime.now(ZoneInfo(ZONE))
    starts = max(now - timedelta(minutes=15), now.replace(hour=0, minute=0))
    return {
        "community_id": community,
        "starts": starts.strftime("%Y-%m-%dT%H:%M"),
        "zone": ZONE,
        "area": "By the harbour",
        "way_there": "Bus 12 stops outside.",
        "toilet": "Behind the counter.",
        "step_free": True,
        "met_by": "Kari, at the door",
        "place": "The blue house, 2 Quay Street",
    } | changed


async def test_a_reply_is_new_for_the_one_who_opened_the_thread_until_they_have_read_it(
    people: People,
) -> None:
    operator = await people.operator()
    community = await people.community(operator)
    anna, bo = await asyncio.gather(
        operator.invites("member", [community], forum_name=a_name("Heather")),
        operator.invites("member", [community], forum_name=a_name("Juniper")),
    )
    thread = await anna.makes(
        "forum", "/threads", {"title": "Quiet mornings", "wish": "listen", "body": "I like them."}
    )
    page = await bo.reads("forum", f"/threads/{thread['id']}")
    assert [post["body_html"].strip() for post in page["posts"]] == ["<p>I like them.</p>"]
    reply = await bo.makes("forum", f"/threads/{thread['id']}/posts", {"body": "So do I."})

    news = await eventually(lambda: anna.reads("forum", "/for-you"), lambda answer: bool(answer["items"]))
    assert news["items"][0]["thread_id"] == thread["id"]
    await eventually(
        lambda: anna.reads("notifications", "/waiting"), lambda answer: answer["categories"] == ["replies"]
    )

    await anna.puts("forum", f"/threads/{thread['id']}/read-mark", {"upto": reply["id"]})
    assert (await anna.reads("forum", "/for-you"))["items"] == []
    await eventually(
        lambda: anna.reads("notifications", "/waiting"), lambda answer: answer["categories"] == []
    )
    assert (await bo.reads("notifications", "/waiting"))["categories"] == []


async def test_a_member_comes_to_a_cafe_and_the_consultant_learns_how_many_not_who(
    people: People,
) -> None:
    operator = await people.operator()
    community = await people.community(operator)
    kari = await operator.invites("consultant", [community], name=a_name("Kari"))
    anna = await operator.invites("member", [community])
    elsewhere = await operator.invites("member", [await people.community(operator)])

    cafe = (await kari.makes("events", "/gatherings", a_cafe(community)))["ids"][0]
    before = await anna.reads("events", f"/gatherings/{cafe}")
    assert (before["area"], before["place"]) == ("By the harbour", None)
    await anna.puts("events", f"/gatherings/{cafe}/answer", {"answer": "come"})
    assert (await anna.reads("events", f"/gatherings/{cafe}"))["place"] == "The blue house, 2 Quay Street"
    assert (await kari.reads("events", f"/gatherings/{cafe}/answers"))["come"] == 1

    code = (await kari.reads("events", f"/gatherings/{cafe}/code"))["code"]
    await anna.makes("events", f"/gatherings/{cafe}/check-in", {"code": code})
    await anna.puts("events", f"/gatherings/{cafe}/answer", {"answer": "not-today"})
    await kari.puts("events", f"/gatherings/{cafe}/head-count", {"members": 4})
    assert (await kari.reads("events", f"/gatherings/{cafe}"))["head_count"] == 4

    stranger = await elsewhere.asks("GET", "events", f"/gatherings/{cafe}")
    nothing = await elsewhere.asks("GET", "events", f"/gatherings/{uuid4()}")
    assert (stranger.status_code, stranger.json()) == (nothing.status_code, nothing.json())
    assert stranger.status_code == 404


async def test_an_analyst_sees_what_consenting_members_did_while_the_study_was_open_and_nothing_else(
    people: People,
) -> None:
    operator = await people.operator()
    community = await people.community(operator)
    kari = await operator.invites("consultant", [community], name=a_name("Kari"))
    anna = await operator.invites("member", [community], forum_name=a_name("Rowan"))
    bo = await operator.invites("member", [community], forum_name=a_name("Sorrel"), research=False)
    analyst = await operator.invites("analyst")
    early = {"title": "Before the study", "wish": "listen", "body": "Not counted."}
    await anna.makes("forum", "/threads", early)
    ends_on = (datetime.now(ZoneInfo(ZONE)) + timedelta(days=30)).date().isoformat()
    study = await analyst.makes(
        "analytics", "/studies", {"title": "A small one", "communities": [community], "ends_on": ends_on}
    )
    path = f"/studies/{study['id']}"
    assert (await analyst.asks("POST", "analytics", f"{path}/approval")).status_code == 403
    await operator.makes("analytics", f"{path}/approval")

    async def figures() -> dict[str, object]:
        found: dict[str, object] = await analyst.reads("analytics", f"{path}/research")
        return found

    await eventually(figures, lambda seen: seen["members"] == 1)
    thread = await anna.makes("forum", "/threads", early | {"title": "In the study"})
    for reader in (anna, bo, kari):
        reply = await reader.makes("forum", f"/threads/{thread['id']}/posts", {"body": "Good evening."})
        await reader.puts("forum", f"/threads/{thread['id']}/read-mark", {"upto": reply["id"]})
    cafe = (await kari.makes("events", "/gatherings", a_cafe(community)))["ids"][0]
    code = (await kari.reads("events", f"/gatherings/{cafe}/code"))["code"]
    for guest in (anna, bo):
        await guest.makes("events", f"/gatherings/{cafe}/check-in", {"code": code})
    await kari.puts("events", f"/gatherings/{cafe}/head-count", {"members": 2})

    expected = {
        "members": 1,
        "posts": 2,
        "views": 0,
        "members_who_viewed": 0,
        "members_who_wrote": 1,
        "cafes": 1,
        "cafes_by_community": [1],
        "members_who_came": 1,
        "smallest_cafe": 2,
        "largest_cafe": 2,
    }
    await anna.puts("forum", f"/threads/{thread['id']}/read-mark", {"upto": reply["id"]})
    expected |= {"views": 1, "members_who_viewed": 1}
    assert await eventually(figures, lambda seen: seen == expected, seconds=60) == expected

    await operator.makes("analytics", f"{path}/closing")
    published = await eventually(
        lambda: analyst.asks("GET", "analytics", f"{path}/published"),
        lambda answer: answer.status_code == 200,
        seconds=60,
    )
    shown = published.json()
    assert (shown["cafes"], shown["members"], shown["posts"], shown["largest_cafe"]) == (1, None, None, None)


async def test_who_leaves_is_gone_from_the_forum_at_once_and_others_replies_stay(
    people: People,
) -> None:
    operator = await people.operator()
    community = await people.community(operator)
    anna = await operator.invites("member", [community], forum_name=a_name("Bilberry"))
    bo = await operator.invites("member", [community], forum_name=a_name("Larch"))
    thread = await anna.makes(
        "forum", "/threads", {"title": "Farewell", "wish": "experiences", "body": "My own words."}
    )
    await bo.makes("forum", f"/threads/{thread['id']}/posts", {"body": "Take care."})
    assert "My own words." in str(await bo.reads("forum", f"/threads/{thread['id']}"))
    token = await anna.token("forum")

    receipt = await anna.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
    assert receipt["receipt"]

    page = await eventually(
        lambda: bo.reads("forum", f"/threads/{thread['id']}"),
        lambda seen: "My own words." not in str(seen),
    )
    assert "Take care." in str(page)
    assert "Bilberry" not in str(page)
    late = await people.http.post(
        f"/api/forum/threads/{thread['id']}/posts",
        json={"body": "Still here?"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex},
    )
    assert late.status_code in (401, 403, 410)
    again = await people.http.post(
        "/api/identity/sessions",
        json={"sign_in_name": anna.sign_in_name, "passphrase": PASSPHRASE, "client_id": "app"},
    )
    assert again.status_code == 401


async def test_signing_out_everywhere_ends_every_session(people: People) -> None:
    operator = await people.operator()
    anna = await operator.invites("member", [await people.community(operator)])
    other = await people.sign_in(anna.sign_in_name)
    await anna.deletes("identity", "/sessions")
    assert (await other.exchange("forum")).status_code in (400, 401)
