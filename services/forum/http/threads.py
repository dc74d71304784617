"""Threads: the list, the page, opening one, what was read of it, watching it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response

from services.forum.http.service import Here, Opener, Reader, answer, consultant_in
from services.forum.queries import threads as queries
from services.forum.schemas import NewThread, ReadMark, ThreadList, ThreadRead
from services.forum.use_cases import reading, threads
from services.forum.use_cases.reading import OpenedThread
from services.forum.use_cases.threads import OpenThread
from services.forum.use_cases.writers import open_member
from shared import clock
from shared.api import idempotency, routes
from shared.api.idempotency import IdempotencyKey
from shared.api.pages import After, Limit
from shared.api.transactions import Session
from shared.database.statements import driver_of

router = routes.router("threads")

Order = Annotated[Literal["latest", "oldest"], Query(description="Latest active first, or oldest first.")]


@router.get("/threads", response_model=ThreadList)
async def list_threads(
    here: Here,
    caller: Reader,
    after: After = None,
    limit: Limit = 20,
    order: Order = "latest",
    unanswered: bool = False,
) -> Response:
    """Threads, the latest active first. `unanswered`: only members' threads in which nobody else has written."""
    return answer(
        await queries.thread_list(
            here.database,
            caller.alias,
            consultant=caller.role == "consultant",
            after=after,
            limit=limit,
            oldest_first=order == "oldest",
            unanswered=unanswered,
            standing=here.home.standing(),
        )
    )


@router.post("/threads", status_code=201, response_model=ThreadRead)
async def open_thread(
    body: NewThread, here: Here, session: Session, caller: Opener, key: IdempotencyKey
) -> Response:
    """Open a thread with a title, a wish and a first post."""
    await open_member(session, caller.alias)
    claim = await idempotency.claim(session, here.secret, caller.alias, "threads", key, body)
    made = claim.made_id
    if made is None:
        command = OpenThread(
            caller.alias, caller.role, consultant_in(caller), body.title, body.wish, body.body, clock.now()
        )
        made = (await threads.open_thread(session, here.home, here.writers, command)).id
        await claim.made(session, made)
    consultant = caller.role == "consultant"
    return answer(
        await queries.thread_page(
            await driver_of(session),
            caller.alias,
            made,
            consultant=consultant,
            after=None,
            limit=20,
            standing=here.home.standing(),
        ),
        201,
    )


@router.get("/threads/{thread_id}", response_model=ThreadRead)
async def read_thread(
    thread_id: UUID, here: Here, caller: Reader, after: After = None, limit: Limit = 20
) -> Response:
    """A thread and a page of its posts. Reading writes nothing: PUT the read mark with what was shown."""
    consultant = caller.role == "consultant"
    return answer(
        await queries.thread_page(
            here.database,
            caller.alias,
            thread_id,
            consultant=consultant,
            after=after,
            limit=limit,
            standing=here.home.standing(),
        )
    )


@router.put("/threads/{thread_id}/read-mark", status_code=204)
async def mark_read(thread_id: UUID, body: ReadMark, here: Here, session: Session, caller: Reader) -> None:
    """Say what a page of the thread has shown. This is what counts as opening it."""
    await reading.mark_read(
        session,
        OpenedThread(
            caller.alias,
            caller.role,
            thread_id,
            body.shown,
            body.upto,
            at=clock.now(),
            standing=here.home.standing(),
        ),
    )


@router.put("/threads/{thread_id}/watching", status_code=204)
async def watch_thread(thread_id: UUID, here: Here, session: Session, caller: Reader) -> None:
    """New replies stand in "for you" from now on. Whoever opens or replies watches already."""
    await threads.start_watching(session, here.home, caller.alias, thread_id, clock.now())


@router.delete("/threads/{thread_id}/watching", status_code=204)
async def stop_watching_thread(thread_id: UUID, session: Session, caller: Reader) -> None:
    """Replies to this thread are no longer told."""
    await threads.stop_watching(session, caller.alias, thread_id)
