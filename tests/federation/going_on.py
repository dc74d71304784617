"""What people do in each region while nothing comes from the other: `here` is where they are, `there` the other."""

from tests.federation.sides import WORDS, Side
from tests.people import PASSPHRASE


async def write_and_leave(here: Side, there: Side) -> None:
    """Into both threads, old and new; one edits, some react, one leaves; at the café all is as always."""
    await here.answers("late, elsewhere", there.thread, "Still dark here.")
    await here.answers("late, at home", here.thread, "Brighter today.")
    await here.answers("to who has left", there.farewell, "How are you?")
    late = await here.host.makes("forum", "/threads", WORDS | {"title": "While nobody was there"})
    here.posts["late, a thread"] = late["posts"][0]["id"]
    await here.guest.puts("forum", f"/posts/{here.posts['elsewhere']}", {"body": "Here it is never light."})
    for who, post in (
        (here.guest, there.thread["posts"][0]["id"]),
        (here.host, there.posts["elsewhere"]),
        (here.host, there.posts["by the leaver"]),
    ):
        await who.puts("forum", f"/posts/{post}/reactions/recognise")
    await here.leaver.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
    await here.guest.puts("events", f"/gatherings/{here.cafe}/answer", {"answer": "maybe"})


async def moderate(here: Side, there: Side) -> None:
    """Both hide what the other one's guest wrote; their own guest's post they hide, and think better of it."""
    await here.hides(there.posts["elsewhere"], "It names somebody.")
    own = here.posts["elsewhere"]
    await here.hides(own, "Too loud.")
    await here.told(here.guest, moderation=1)
    await here.lifts(own)
    await here.told(here.guest, moderation=2)
    assert not await here.hidden(own)
    assert await here.hidden(there.posts["elsewhere"])


async def read(here: Side, _there: Side) -> None:
    """The host reads all there is in their thread: nothing of it is new any more."""
    await here.told(here.host, replies=1)
    page = await here.reads(here.thread, here.host)
    shown = [post["id"] for post in page["posts"]]
    await here.host.puts("forum", f"/threads/{here.thread['id']}/read-mark", {"shown": shown})
    assert not await here.news()


async def show_community(here: Side, _there: Side) -> None:
    """The host does."""
    token = (await here.host.exchange("forum", scope="community")).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    shown = await here.people.http.put("/api/forum/profile/community", headers=bearer)
    assert shown.json()["region"] == here.name


async def take_a_name(here: Side, name: str) -> str:
    """Somebody new does; returns their profile's id."""
    person = await here.consultant.invites("member", [here.community], forum_name=name)
    return str((await person.reads("forum", "/profile"))["id"])
