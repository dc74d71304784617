"""What must hold in each region when the link is there again: `here` is where one looks, `there` the other."""

from typing import Any

from tests.federation.agreeing import forum_of
from tests.federation.sides import Json, Side
from tests.people import eventually

READERS_OWN = {"mine", "new", "watching", "unread", "body"}


async def late_posts_are_new(here: Side, there: Side) -> None:
    """What was written before the host read, and came after, is new, and they were told of it once."""
    late = there.posts["late, elsewhere"]
    assert [item["post_id"] for item in await here.news()] == [late]
    page = await here.reads(here.thread, here.host)
    assert [post["id"] for post in page["posts"] if post["new"]] == [late]
    await here.told(here.host, replies=2)


async def who_left_is_gone(here: Side, there: Side) -> None:
    """Of the other one's leaver nothing is here but others' answers, and their home was told so."""
    page = await here.reads(there.farewell)
    assert (page["removed"], page["title"], page["author"]) == (True, None, None)
    kept = [post["id"] for post in page["posts"] if not post["removed"]]
    assert kept == [here.posts["to the leaver"], here.posts["to who has left"]]
    post = await here.host.reads("forum", f"/posts/{there.posts['by the leaver']}")
    assert (post["removed"], post["body_html"]) == (True, None)


async def erasures_are_acknowledged(at: Side) -> None:
    """Each by both regions."""

    async def missing() -> set[tuple[str, str]]:
        rows = [row for (table, _), row in (await forum_of(at.region)).items() if table == "erasures"]
        done = {(row["erasure_id"], row["home"]) for row in rows if row["acknowledged"]}
        return {(row["erasure_id"], name) for row in rows for name in ("north", "south")} - done

    await eventually(missing, lambda found: not found)


async def foreign_hides_hold_until_the_home_decides(here: Side, there: Side) -> None:
    """What the other one's consultant hid is hidden, though ours had lifted our own hide."""
    assert await here.hidden(here.posts["elsewhere"])
    assert await here.hidden(there.posts["elsewhere"])
    await here.told(here.guest, moderation=3)


async def homes_decide(here: Side, there: Side) -> None:
    """For the post."""
    await here.lifts(here.posts["elsewhere"])
    await here.told(here.guest, moderation=4)
    post = here.posts["elsewhere"]
    await eventually(lambda: here.hidden(post), lambda hidden: not hidden)
    await eventually(lambda: there.hidden(post), lambda hidden: not hidden)


async def the_community_is_shown(here: Side, there: Side) -> None:
    """Of whoever shows it, and of nobody else."""
    page = await here.reads(there.thread)
    for shown in (page, *page["posts"]):
        author = shown["author"]
        expected = there.name if author and author["id"] == page["author"]["id"] else None
        assert not author or author["region"] == expected


async def one_of_two_is_marked(here: Side, twins: list[str]) -> None:
    """Of two with one name the smaller id has it plain."""
    seen = [await here.host.reads("forum", f"/profiles/{twin}") for twin in sorted(twins)]
    assert [profile["look_alike"] for profile in seen] == [False, True]


async def pages_are_the_same(north: Side, south: Side) -> None:
    """In either region."""
    for thread in (north.thread, south.thread, north.farewell, south.farewell):
        assert as_everybody_sees(await north.reads(thread)) == as_everybody_sees(await south.reads(thread))
    lists = [await side.consultant.reads("forum", "/threads") for side in (north, south)]
    assert [item["id"] for item in lists[0]["items"]] == [item["id"] for item in lists[1]["items"]]


def as_everybody_sees(page: Json) -> Json:
    """A thread's page without what is its reader's own."""
    posts = [_without(post, READERS_OWN) for post in page["posts"]]
    for post in posts:
        post["reactions"] = {kind: shown["any"] for kind, shown in post["reactions"].items()}
    return _without(page, READERS_OWN) | {"posts": posts}


def _without(shown: Json, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in names}
