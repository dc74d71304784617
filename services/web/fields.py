"""Which field of a form is wrong, in a person's words: the field by its label, and its limit."""

from collections.abc import Callable

from services.web.errors import FieldFault, Refused
from services.web.words import N_, sentence_for

# By the field's name in the services' APIs; the labels stand above the fields on the pages.
LABELS = {
    "title": N_("Title"),
    "wish": N_("What would you like?"),
    "body": N_("Your words"),
    "reason": N_("Reason"),
    "category": N_("What is it about?"),
    "days": N_("For how long?"),
    "name": N_("Name"),
    "q": N_("Words to look for"),
    "community_id": N_("For which community?"),
    "communities": N_("To which community?"),
    "starts": N_("Day and time"),
    "duration_minutes": N_("How many minutes"),
    "monthly_times": N_("How many cafés"),
    "area": N_("Area"),
    "way_there": N_("The way there"),
    "toilet": N_("Nearest toilet"),
    "step_free": N_("Step-free?"),
    "met_by": N_("Who meets people at the door"),
    "capacity": N_("Room for"),
    "place": N_("The exact place"),
    "prompt_thread": N_("The thread’s address in the forum"),
    "prompt_text": N_("The text on the café’s page"),
    "members": N_("How many members came?"),
    "code": N_("The code of the day"),
    "count": N_("How many cards?"),
    "invitation": N_("The code on your card"),
    "display_name": N_("The name you work under"),
    "sign_in_name": N_("Sign-in name"),
    "passphrase": N_("Passphrase"),
    "new_passphrase": N_("New passphrase"),
    "recovery_code": N_("Recovery code"),
    "receipt": N_("Receipt code"),
}
EMPTY = N_("“%(field)s” is empty. Please fill it in.")
TOO_LONG = N_("“%(field)s” can have %(limit)s letters at most. Please shorten it.")
TOO_MUCH = N_("“%(field)s” can be %(limit)s at most.")
TOO_LITTLE = N_("“%(field)s” must be %(limit)s or more.")
NO_NUMBER = N_("“%(field)s” must be a whole number.")
CHARACTERS = N_(
    "“%(field)s” has characters that can’t be shown to others. Please take them out and try again."
)
NOT_CHOSEN = N_("Please choose an answer to “%(field)s”.")
LOOK_AGAIN = N_("Please look at “%(field)s” once more.")
# By the validation's own names (pydantic's, and shared/api/text.py's).
FAULTS = {
    "missing": EMPTY,
    "string_type": EMPTY,
    "string_too_short": EMPTY,
    "text_empty": EMPTY,
    "string_too_long": TOO_LONG,
    "too_long": TOO_LONG,
    "less_than_equal": TOO_MUCH,
    "greater_than_equal": TOO_LITTLE,
    "int_parsing": NO_NUMBER,
    "int_from_float": NO_NUMBER,
    "text_not_allowed": CHARACTERS,
    "not_chosen": NOT_CHOSEN,
}


def missing(*names: str) -> Refused:
    """The refusal of a form that lacks these fields, before a service was asked."""
    return Refused(422, "invalid", fields=tuple(FieldFault(name, "missing") for name in names))


def explain(error: Exception, gettext: Callable[[str], str]) -> str:
    """What an error means to the person, in their language; a validation's problem field by field."""
    if isinstance(error, Refused) and error.status == 422:
        sentences = [_sentence(fault, gettext) for fault in error.fields if _label(fault) in LABELS]
        if sentences:
            return " ".join(dict.fromkeys(sentences))
    return gettext(sentence_for(error))


def _label(fault: FieldFault) -> str:
    return fault.field.split(".")[0]


def _sentence(fault: FieldFault, gettext: Callable[[str], str]) -> str:
    sentence = FAULTS.get(fault.problem, LOOK_AGAIN)
    if "%(limit)s" in sentence and fault.limit is None:
        sentence = LOOK_AGAIN
    return gettext(sentence) % {"field": gettext(LABELS[_label(fault)]).rstrip("?"), "limit": fault.limit}
