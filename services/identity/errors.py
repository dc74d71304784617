"""Expected errors of identity, each with its status and stable type."""

from shared.api.problems import Problem


class InvitationNotOpen(Problem):
    """Unknown, used or expired: the three answer alike."""

    status = 404
    type = "invitation-not-open"
    title = "This invitation isn't open. Check the letters, or ask for a new one."


class MayNotInvite(Problem):
    status = 403
    type = "may-not-invite"
    title = "You can't invite this role, or to this community."


class CommunityUnknown(Problem):
    status = 422
    type = "community-unknown"
    title = "There is no such open community here. A new one takes a few seconds to arrive."


class CommunitiesDontFit(Problem):
    status = 422
    type = "communities-dont-fit"
    title = "A member or health worker has one community, a peer consultant at least one; an analyst or operator has none."


class SameAsDoesntFit(Problem):
    status = 422
    type = "same-as-doesnt-fit"
    title = "An account in another region can be named for one peer consultant at a time."


class AdultsOnly(Problem):
    status = 422
    type = "adults-only"
    title = "Peercafe is for people who are 18 or older."


class TextChanged(Problem):
    status = 409
    type = "text-changed"
    title = "The text has changed since you read it. Please read it again."


class NotOffered(Problem):
    status = 422
    type = "sign-in-name-not-offered"
    title = "Please choose one of the sign-in names we offer. The offer lasts a day."


class SignInNameTaken(Problem):
    status = 409
    type = "sign-in-name-taken"
    title = "Somebody was just before you with this sign-in name. Please choose another."


class PassphraseTooShort(Problem):
    status = 422
    type = "passphrase-too-short"
    title = "Please choose a longer passphrase: three or four words make a good one."


class PassphraseTooLong(Problem):
    status = 422
    type = "passphrase-too-long"
    title = "Please choose a passphrase of at most 200 characters."


class PassphraseTooCommon(Problem):
    status = 422
    type = "passphrase-too-common"
    title = "Many people use this passphrase, so it is easy to guess. Please choose another."


class DisplayNameNeeded(Problem):
    status = 422
    type = "display-name-needed"
    title = "A peer consultant works under one open name. Please choose it."


class DisplayNameNotForRole(Problem):
    status = 422
    type = "display-name-not-for-this-role"
    title = "Only peer consultants have an open name."


class DisplayNameNotAllowed(Problem):
    status = 422
    type = "display-name-not-allowed"
    title = "Please use letters of one alphabet, spaces, hyphens and apostrophes; 2 to 40 characters."


class DisplayNameTaken(Problem):
    status = 409
    type = "display-name-taken"
    title = "Another peer consultant has this name, or one that looks like it."


class SignInFailed(Problem):
    """Wrong name, wrong passphrase and suspended: one answer, in the same time."""

    status = 401
    type = "sign-in-failed"
    title = "That sign-in name and passphrase don't go together. Nothing is locked; please try again."


class RecoveryFailed(Problem):
    status = 401
    type = "recovery-failed"
    title = "That sign-in name and recovery code don't go together. Nothing is locked; please try again."


class SlowDown(Problem):
    status = 429
    type = "sign-in-slowed"
    title = "Please wait a moment before the next try. Nothing is locked."


class WrongPassphrase(Problem):
    status = 403
    type = "wrong-passphrase"
    title = "That isn't your passphrase. Please try again."


class _TokenProblem(Problem):
    """Of the token endpoint: also carries RFC 6749's `error`."""

    error: str

    def __init__(self) -> None:
        super().__init__(extra={"error": self.error})


class SessionEnded(_TokenProblem):
    status = 400
    type = "session-ended"
    title = "You have been signed out. Please sign in again."
    error = "invalid_grant"


class ClientRefused(_TokenProblem):
    status = 401
    type = "client-refused"
    title = "This client couldn't prove which one it is."
    error = "invalid_client"


class AudienceNotForRole(_TokenProblem):
    status = 400
    type = "audience-not-for-this-role"
    title = "This service isn't open to your role."
    error = "invalid_target"


class RequestNotUnderstood(_TokenProblem):
    status = 400
    type = "token-request-not-understood"
    title = "Only token exchange (RFC 8693) of a session for an access token is answered here."
    error = "invalid_request"
