"""Forum names."""

from uuid import UUID

from fastapi import Response

from services.forum.errors import NoProfileYet, ProfileNeeded
from services.forum.http.service import Here, MemberNamer, Namer, Reader, answer, consultant_in
from services.forum.queries import own
from services.forum.queries.sanctions import own_pause
from services.forum.schemas import NameChosen, NameLooked, NameMaybeChosen, OwnProfileShown, ProfileShown
from services.forum.use_cases import profiles
from shared import clock
from shared.api import routes
from shared.api.transactions import Session
from shared.database.statements import driver_of

router = routes.router("forum names")


@router.get("/profile", response_model=OwnProfileShown)
async def show_own_profile(here: Here, caller: Reader) -> Response:
    """The caller's forum name and mark, and until when they can't write, if so."""
    profile_id = await own.own_profile(here.database, caller.alias)
    if profile_id is None:
        raise NoProfileYet()
    paused = await own_pause(here.database, caller.alias, clock.now())
    return answer(await own.profile(here.database, profile_id) | {"paused": paused})


@router.post("/profile", status_code=201, response_model=ProfileShown)
async def take_name(body: NameMaybeChosen, here: Here, session: Session, caller: Namer) -> Response:
    """Take a forum name, once. A peer consultant's is the name chosen at joining. Repeating changes nothing."""
    if caller.role == "consultant":
        consultant = consultant_in(caller)
        if consultant is None:
            raise ProfileNeeded()
        profile = await profiles.present_consultant(session, here.home, caller.alias, consultant)
    elif body.name is None:
        raise ProfileNeeded()
    else:
        profile = await profiles.present(session, here.home, caller.alias, body.name)
    return answer(await own.profile(await driver_of(session), profile.id), 201)


@router.put("/profile", response_model=ProfileShown)
async def change_name(body: NameChosen, here: Here, session: Session, caller: Namer) -> Response:
    """Change one's forum name. The one before stays reserved, so that nobody is taken for its owner."""
    profile = await profiles.rename(session, here.home, caller.alias, body.name)
    return answer(await own.profile(await driver_of(session), profile.id))


@router.put("/profile/community", response_model=ProfileShown)
async def show_community(here: Here, session: Session, caller: MemberNamer) -> Response:
    """Show one's community and region beside one's name, to everybody who reads the forum, in every region.

    Which one it is, the token says (identity's scope `community`), so that nobody claims another.
    """
    profile = await profiles.show_community(session, here.home, caller.alias, caller.community)
    return answer(await own.profile(await driver_of(session), profile.id))


@router.delete("/profile/community", response_model=ProfileShown)
async def hide_community(here: Here, session: Session, caller: MemberNamer) -> Response:
    """Hide it again."""
    profile = await profiles.hide_community(session, here.home, caller.alias)
    return answer(await own.profile(await driver_of(session), profile.id))


@router.post("/names/check", response_model=NameLooked)
async def check_name(body: NameChosen, session: Session, caller: Reader) -> Response:
    """Whether a forum name could be taken now. In the body, so that names stand in no URL."""
    mine = await own.own_profile(await driver_of(session), caller.alias)
    return answer({"free": await profiles.is_free(session, body.name, mine)})


@router.get("/profiles/{profile_id}", response_model=ProfileShown)
async def show_profile(profile_id: UUID, here: Here, caller: Reader) -> Response:
    """Somebody's forum name and mark; no date of joining, no list of what they wrote."""
    await own.own_profile(here.database, caller.alias)
    return answer(await own.profile(here.database, profile_id))
