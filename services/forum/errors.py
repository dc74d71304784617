"""The forum's expected errors: status, a stable type that web translates by, and a sentence that helps.

Problem
 ├ NotFound ─ ThreadNotFound, PostNotFound, ProfileNotFound, NoProfileYet
 ├ ProfileNeeded
 ├ NameTaken, NameBelongsToNobody, NameNotPossible, NameIsFixed, ProfileExists
 ├ CommunityNotSaid
 ├ ThreadRemoved, ThreadHidden, PostRemoved, OwnPost
 ├ PostTooLong
 ├ WritingPaused
 └ SanctionForMembers, SanctionNotFound (a NotFound)
"""

from datetime import datetime

from shared.api.problems import NotFound, Problem


class ThreadNotFound(NotFound):
    type = "thread-not-found"
    title = "There is no such thread."


class PostNotFound(NotFound):
    type = "post-not-found"
    title = "There is no such post."


class ProfileNotFound(NotFound):
    type = "profile-not-found"
    title = "There is nobody of that forum name here."


class ProfileNeeded(Problem):
    """Writing takes a forum name; reading doesn't."""

    status = 409
    type = "forum-name-needed"
    title = "Please choose a forum name first."


class NoProfileYet(NotFound):
    """The caller's own profile, before there is one."""

    type = "forum-name-needed"
    title = "You have no forum name yet. Please choose one."


class NameTaken(Problem):
    status = 409
    type = "name-taken"
    title = "Somebody has this name, or one that looks like it. Please choose another."


class NameBelongsToNobody(Problem):
    """Taken since the backup that the forum was restored from; who took it isn't known any more."""

    status = 409
    type = "name-belongs-to-nobody"
    title = (
        "This name is in use, and the forum no longer knows by whom: it had to be restored from a copy. If it was yours, we "
        "are sorry: it can't be given back. Please choose another; what was written under it stays."
    )


class NameNotPossible(Problem):
    status = 422
    type = "name-not-possible"
    title = "A forum name has 2 to 30 letters, digits and spaces, and doesn't sound like staff."


class ProfileExists(Problem):
    status = 409
    type = "profile-exists"
    title = "You already have a forum name. It can be changed."


class NameIsFixed(Problem):
    status = 409
    type = "name-is-fixed"
    title = "A peer consultant's name is the one chosen at joining."


class CommunityNotSaid(Problem):
    """The forum doesn't know communities, and takes nobody's word but identity's."""

    status = 409
    type = "community-not-said"
    title = (
        "Please come with a token that names your community: ask identity for it with the scope community."
    )


class ThreadRemoved(Problem):
    status = 409
    type = "thread-removed"
    title = "The writer has removed this thread, so nothing can be added to it."


class ThreadHidden(Problem):
    status = 409
    type = "thread-hidden"
    title = "A peer consultant has hidden this thread, so nothing can be added to it."


class PostRemoved(Problem):
    status = 409
    type = "post-removed"
    title = "The writer has removed this post."


class OwnPost(Problem):
    status = 409
    type = "own-post"
    title = "A reaction is for what somebody else wrote."


class PostTooLong(Problem):
    status = 422
    type = "post-too-long"
    title = "A post can be about 16,000 letters long. Please shorten it or write it in two."


class WritingPaused(Problem):
    """Until `until` (with `reason`, the peer consultant's words to this member) nothing is taken from them."""

    status = 403
    type = "writing-paused"
    title = "You are having a pause from writing in the forum. Reading stays open, and so do cafés."

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(extra={"until": until.isoformat(), "reason": reason})


class SanctionForMembers(Problem):
    status = 409
    type = "sanction-for-members"
    title = "A pause from writing is for members; peer consultants talk with each other."


class SanctionNotFound(NotFound):
    type = "sanction-not-found"
    title = "There is no such pause, or it is over."
