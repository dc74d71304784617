"""Posts: replying, changing one's own, reacting; hiding and restoring by peer consultants."""

from uuid import UUID

from fastapi import Response

from services.forum.http.service import Here, Moderator, Reader, Writer, answer, consultant_in
from services.forum.queries.posts import one_post, shown_author, shown_reactions
from services.forum.schemas import HideMade, NewHide, NewPost, PostShown
from services.forum.use_cases import moderation, posts, reactions, replies
from services.forum.use_cases.replies import WriteReply
from services.forum.use_cases.writers import open_member
from shared.api import idempotency, routes
from shared.api.idempotency import IdempotencyKey
from shared.api.transactions import Session
from shared.contracts.payloads.forum import ReactionKind
from shared.database.statements import driver_of
from shared.hlc import time_of

router = routes.router("posts")


@router.post("/threads/{thread_id}/posts", status_code=201, response_model=PostShown)
async def write_reply(
    thread_id: UUID, body: NewPost, here: Here, caller: Writer, key: IdempotencyKey
) -> Response:
    """Reply in a thread. From then on the writer watches it."""
    route = f"posts/{thread_id}"
    key_hash, body_hash = idempotency.hashes(here.secret, caller.alias, route, key, body)
    command = WriteReply(
        caller.alias, caller.role, consultant_in(caller), thread_id, body.body, key_hash, body_hash
    )
    written = await replies.write_reply(here.database, here.sessions, here.home, here.writers, command)
    here.wake_relay()
    if written.author is None:  # a repeat
        consultant = caller.role == "consultant"
        return answer(
            await one_post(
                here.database, caller.alias, written.id, consultant=consultant, standing=here.home.standing()
            ),
            201,
        )
    return answer(
        {
            "id": written.id,
            "thread_id": thread_id,
            "opening": False,
            "author": shown_author(written.author),
            "body_html": written.body_html,
            "body": body.body,
            "written_at": time_of(written.written),
            "edited": False,
            "removed": False,
            "hidden": False,
            "hidden_reason": None,
            "mine": True,
            "new": False,
            "reactions": shown_reactions(0),
        },
        201,
    )


@router.get("/posts/{post_id}", response_model=PostShown)
async def show_post(post_id: UUID, here: Here, caller: Reader) -> Response:
    """One post; for its writer with its source, to edit."""
    return answer(
        await one_post(
            here.database,
            caller.alias,
            post_id,
            consultant=caller.role == "consultant",
            standing=here.home.standing(),
        )
    )


@router.put("/posts/{post_id}", response_model=PostShown)
async def edit_post(post_id: UUID, body: NewPost, here: Here, session: Session, caller: Writer) -> Response:
    """Replace one's own text for good: no earlier version is kept."""
    await posts.edit_post(session, here.home, caller.alias, post_id, body.body)
    await session.flush()
    return answer(
        await one_post(
            await driver_of(session),
            caller.alias,
            post_id,
            consultant=caller.role == "consultant",
            standing=here.home.standing(),
        )
    )


@router.delete("/posts/{post_id}", status_code=204)
async def remove_post(post_id: UUID, here: Here, session: Session, caller: Writer) -> None:
    """Remove one's own text for good. Others' replies stay; of an opening the title goes too."""
    await posts.remove_post(session, here.home, caller.alias, post_id)


@router.put("/posts/{post_id}/reactions/{kind}", status_code=204)
async def react(post_id: UUID, kind: ReactionKind, here: Here, session: Session, caller: Reader) -> None:
    """Thank you, I recognise this, or thinking of you. Nobody sees how many."""
    await reactions.react(
        session, here.home, here.writers, caller.alias, caller.role, consultant_in(caller), post_id, kind
    )


@router.delete("/posts/{post_id}/reactions/{kind}", status_code=204)
async def take_reaction_back(
    post_id: UUID, kind: ReactionKind, here: Here, session: Session, caller: Reader
) -> None:
    """Take a reaction back."""
    await reactions.take_back(session, here.home, caller.alias, caller.role, post_id, kind)


@router.post("/posts/{post_id}/hides", status_code=201, response_model=HideMade)
async def hide_post(
    post_id: UUID, body: NewHide, here: Here, session: Session, caller: Moderator, key: IdempotencyKey
) -> Response:
    """Hide a post, of an opening its thread too, and tell the writer why."""
    route = f"hides/{post_id}"
    await open_member(session, caller.alias)
    claim = await idempotency.claim(session, here.secret, caller.alias, route, key, body)
    hide = claim.made_id
    if hide is None:
        hide = await moderation.hide(session, here.home, caller.alias, post_id, body.reason)
        await claim.made(session, hide)
    return answer({"id": hide}, 201)


@router.delete("/posts/{post_id}/hides", status_code=204)
async def restore_post(post_id: UUID, here: Here, session: Session, caller: Moderator) -> None:
    """Show the post again, and tell the writer."""
    await moderation.restore(session, here.home, caller.alias, post_id)
