"""Fixed sentences: what happened after a form, and what a refusal means. English here, translated when shown."""

from services.web.errors import Away, FormRefused, Refused, SignedOut


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Marks a text for the catalogue."""
    return text


# After a form: the address carries one of these keys, never text.
SAID = {
    "posted": N_("Thank you for writing. It is here now."),
    "edited": N_("Your text is changed. The earlier words are gone."),
    "removed": N_("Your text is removed. Others’ replies stay."),
    "watching": N_("You will find new replies here under For you."),
    "not-watching": N_("New replies here no longer show under For you."),
    "hidden": N_("It is hidden, and the writer can see why."),
    "restored": N_("It can be read again."),
    "told": N_("Thank you for telling us. Peer consultants will look at it."),
    "done": N_("Thank you. The copy of the text is deleted."),
    "pause-decided": N_(
        "Thank you. If the writer belongs here, the pause has begun and stands in the list. If not, the peer"
        " consultants where they belong have been told."
    ),
    "pause-lifted": N_("The pause is over, and its member is told."),
    "named": N_("This is your forum name now."),
    "community-shown": N_("Your community stands beside your forum name now."),
    "community-hidden": N_("It is hidden again. Other regions follow as soon as they hear of it."),
    "come": N_("Lovely. You now see the exact place below."),
    "waiting": N_(
        "It is full just now, so you are on the waiting list. If a place opens, you will see it here."
    ),
    "maybe": N_("Thank you. Decide whenever you like. Coming unannounced is fine too."),
    "not-this-time": N_("Thanks for telling us. You’re welcome next time."),
    "not-today": N_("Thanks for telling us. You’re welcome next time."),
    "name-left": N_("Your name is left for the peer consultant. It is deleted the day after."),
    "name-taken-back": N_("The name is taken back."),
    "planned": N_("It is planned. Members of the community can see it now."),
    "moved": N_("It is changed. Members see the new details and the reason."),
    "cancelled": N_("It is cancelled. Members see the reason."),
    "counted": N_("Thank you. The head count is kept."),
    "research-on": N_("You are part of the research now. You can withdraw just as easily."),
    "research-off": N_("Withdrawn. Your research rows will be deleted within seven days."),
    "passphrase": N_(
        "Your passphrase is changed. Sign in with the new one. Other devices are signed out at the latest within five"
        " minutes."
    ),
    "signed-out": N_("You are signed out."),
    "signed-out-everywhere": N_(
        "You are signed out here, and on every other device at the latest within five minutes."
    ),
}

# What a problem's `type` means to the person it happened to.
PROBLEMS = {
    "not-found": N_("This isn’t here, or isn’t here any more."),
    "too-many": N_("That was a lot at once. Please wait a moment and try again."),
    "text-not-allowed": N_("Some characters can’t be shown to others. Please take them out and try again."),
    "idempotency-key-reused": N_(
        "What you sent first has already arrived. If you want to change it, open it and choose Edit."
    ),
    "not-for-this-role": N_("This page isn’t for the role you signed in with."),
    "invalid": N_("Something in the form is missing or too long. Please look through it."),
    # identity
    "invitation-not-open": N_(
        "This invitation isn’t open. It may have been used or be out of date. Ask for a new one."
    ),
    "may-not-invite": N_("You can invite members to your own communities only."),
    "community-unknown": N_(
        "This community isn’t open for invitations just now. A new one takes a few seconds."
    ),
    "communities-dont-fit": N_("Please choose one community."),
    "adults-only": N_("This place is for people who are 18 or older."),
    "text-changed": N_("The text has changed since you read it. Please read it once more."),
    "sign-in-name-not-offered": N_("These sign-in names are too old. Here are new ones."),
    "sign-in-name-taken": N_("Somebody was just before you with that sign-in name. Here are new ones."),
    "passphrase-too-short": N_("That passphrase is short. Three or four words make a good one."),
    "passphrase-too-long": N_("A passphrase can have 200 characters at most."),
    "passphrase-too-common": N_(
        "Many people use that passphrase, so it is easy to guess. Please choose another."
    ),
    "display-name-needed": N_("As a peer consultant you work under one open name. Please choose it."),
    "display-name-not-for-this-role": N_("Only peer consultants have an open name."),
    "display-name-not-allowed": N_(
        "Please use letters of one alphabet, spaces, hyphens and apostrophes; 2 to 40 characters."
    ),
    "display-name-taken": N_("Another peer consultant has this name, or one that looks like it."),
    "sign-in-failed": N_("That name and passphrase don’t belong together. Please look at both once more."),
    "recovery-failed": N_(
        "That name and code don’t belong together, or the code was used before. Please look at both once more."
    ),
    "sign-in-slowed": N_("Please wait a moment before the next try. Nothing is locked."),
    "wrong-passphrase": N_("That isn’t your passphrase. Nothing was changed."),
    # forum
    "thread-not-found": N_("This thread isn’t here, or isn’t here any more."),
    "post-not-found": N_("This text isn’t here, or isn’t here any more."),
    "profile-not-found": N_("There is nobody of that forum name here."),
    "forum-name-needed": N_(
        "To write you need a forum name. Choose one under My forum name, then send again."
    ),
    "account-closed": N_("This account is closed."),
    "name-taken": N_("Somebody has this name, or one that looks like it. Please choose another."),
    "name-belongs-to-nobody": N_(
        "This name is in use, and the forum no longer knows by whom: it had to be restored from a copy."
        " If it was yours, we are sorry: it can’t be given back. Please choose another;"
        " what was written under it stays."
    ),
    "name-not-possible": N_(
        "A forum name has 2 to 30 letters, digits and spaces. If yours has, it sounds too much like staff. Please choose"
        " another."
    ),
    "profile-exists": N_("You have a forum name already."),
    "name-is-fixed": N_("A peer consultant’s name is the one chosen at joining."),
    "community-not-said": N_(
        "We can’t find your community just now, so nothing was shown. Please try again in a moment."
    ),
    "thread-removed": N_("The writer has removed this thread, so nothing can be added."),
    "thread-hidden": N_("A peer consultant has hidden this thread, so nothing can be added."),
    "post-removed": N_("The writer has removed this text."),
    "own-post": N_("Reactions are for what somebody else wrote."),
    "post-too-long": N_("A text can be about 16,000 letters long. Please shorten it, or write it in two."),
    "writing-paused": N_(
        "You are having a pause from writing in the forum, so this wasn’t sent. You are welcome to read, and to come"
        " to cafés."
    ),
    "sanction-for-members": N_("A pause is for members. Peer consultants talk with each other."),
    "sanction-not-found": N_("This pause is over already."),
    # events
    "gathering-is-cancelled": N_("This café has been cancelled."),
    "gathering-is-over": N_("This café is over."),
    "gathering-not-yet": N_("This café hasn’t begun. People can be counted from an hour before it starts."),
    "gathering-was-held": N_("The people at this café have been counted, so it can’t be moved or cancelled."),
    "not-the-day": N_("This answer is for the day of the café."),
    "names-not-taken": N_("Nobody plans this café just now, so there is nobody to leave a name with."),
    "not-coming": N_("A name can be left when you answer Come along or Maybe."),
    "check-in-closed": N_("The code works from one hour before the café starts until four hours after."),
    "code-is-wrong": N_("That isn’t today’s code. Please look at it once more."),
    "reason-needed": N_("Please say in a few words why, so that people know."),
    "day-has-passed": N_("This day has passed."),
    "too-far-ahead": N_("Cafés can be planned up to two years ahead."),
}
SENTENCES = {
    "too-big": N_("This is longer than we can keep. Please make it shorter."),
    "refused": N_("That didn’t work. Nothing was changed."),
    "away": N_("We can’t reach this part just now. Nothing was lost. Please try again in a moment."),
    "signed-out": N_("You are no longer signed in."),
    "form": N_("This form had grown old, so we didn’t send it. Please try again."),
}


def sentence_for(error: Exception) -> str:
    """The English sentence (a msgid) that tells a person what an error means."""
    if isinstance(error, SignedOut):
        return SENTENCES["signed-out"]
    if isinstance(error, Away):
        return SENTENCES["away"]
    if isinstance(error, FormRefused):
        return SENTENCES["form"]
    if isinstance(error, Refused):
        if error.status == 413:
            return SENTENCES["too-big"]
        other = {404: PROBLEMS["not-found"], 422: PROBLEMS["invalid"], 429: PROBLEMS["too-many"]}
        return PROBLEMS.get(error.type) or other.get(error.status, SENTENCES["refused"])
    return SENTENCES["refused"]
