"""A restored forum reads own and mirrored topics to their end before it serves anybody."""

from uuid import UUID

from sqlalchemy import text

from services.forum.names import skeleton
from services.forum.settings import Settings
from shared.bus.agreement import MARK_RESTORED
from shared.database.engine import make_engine, make_sessions
from tests.forum.conftest import running
from tests.forum.people import Place, until
from tests.forum.records import Region, mirror
from tests.tokens import Issuer


async def restored(settings: Settings, *statements: str) -> None:
    """The database as a backup had it, by these statements."""
    engine = make_engine(settings.database_url.get_secret_value(), pool=1)
    async with make_sessions(engine)() as session, session.begin():
        for statement in (*statements, MARK_RESTORED):
            await session.execute(text(statement))
    await engine.dispose()


async def test_nothing_erased_or_hidden_since_the_backup_is_served_here_or_from_elsewhere(
    settings_with_south: Settings,
) -> None:
    settings = settings_with_south
    issuer, south = Issuer(), Region()
    thread = south.thread()
    post, foreign = south.post(thread.id, "Personal words"), south.post(thread.id, "A name")
    erased = post.model_copy(update={"version": south.home.clock.tick(), "erased": True, "body": None})
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        bo = await place.member("Bo")
        bo.said = {"community": "Steinvåg"}
        shown = await bo.do("PUT", "/profile/community")
        own = await ada.opens(body="Ours")
        reply = await ada.replies(own, "Our own personal words")
        await mirror(settings, south.profile(), thread, post, foreign)
        await until(
            lambda: place.rows("SELECT 1 FROM posts WHERE home = 'south'"), lambda rows: len(rows) == 2
        )

        await ada.do("DELETE", f"/posts/{reply['id']}")
        await mirror(
            settings, erased, south.hides(foreign.id, "a name"), south.hides(UUID(own["posts"][0]["id"]))
        )
        waiting = "SELECT 1 FROM posts WHERE NOT erased AND body LIKE '%ersonal%'"
        await until(lambda: place.rows(waiting), lambda rows: not rows)
        await until(lambda: place.rows("SELECT 1 FROM moderation"), lambda rows: len(rows) == 2)
        topic_has = max(
            state["version"]
            for key, state in await place.published("shared.forum.posts.v1")
            if key == reply["id"]
        )
        await until(lambda: place.rows("SELECT 1 FROM outbox"), lambda rows: not rows)

    await restored(
        settings,
        "DELETE FROM moderation",
        "DELETE FROM names",
        f"DELETE FROM members WHERE alias = '{bo.alias}'",
        "UPDATE posts SET erased = false, version = version - 3932160000, body = 'Personal words',"
        " body_html = 'Personal words', read_back = NULL WHERE erased",
    )
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        # Not waited for: whoever asks first is answered like this.
        ada.place = place
        there = (await ada.reads({"id": thread.id}))["posts"]
        assert [(each["removed"], each["hidden"]) for each in there] == [(True, False), (False, True)]
        assert [each["removed"] for each in (await ada.reads(own))["posts"]] == [False, True]
        assert await ada.finds("personal") == []
        taken = await place.rows("SELECT skeleton FROM names")
        assert {row["skeleton"] for row in taken} == {skeleton("Ada"), skeleton("Bo"), skeleton("Sol")}
        # What only its member could have hidden is hidden, here and elsewhere.
        assert (await ada.do("GET", f"/profiles/{shown['id']}"))["community"] is None
        *_, last = [
            state for _, state in await place.published("shared.forum.profiles.v1") if state["name"] == "Bo"
        ]
        assert last["community"] is None

        # Version numbers go on above what was given before the loss.
        opening = own["posts"][0]
        await ada.do("PUT", f"/posts/{opening['id']}", {"body": "After the restore"})
        [row] = await place.rows("SELECT version FROM posts WHERE id = $1", UUID(opening["id"]))
        assert row["version"] > topic_has
