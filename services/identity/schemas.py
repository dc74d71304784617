"""What identity's API takes and answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import UUID8, BaseModel, ConfigDict, Field, StringConstraints

from services.identity.texts import Language
from shared.api.text import Line

Role = Literal["member", "consultant", "provider", "analyst", "operator"]
ClientId = Annotated[str, StringConstraints(max_length=40)]
Secret = Annotated[str, StringConstraints(max_length=1024), Field(repr=False)]
Code = Annotated[str, StringConstraints(max_length=80), Field(repr=False)]
SignInName = Annotated[str, StringConstraints(max_length=200), Field(repr=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OfferedNames(BaseModel):
    """Sign-in names to choose from; `offer` goes along with the chosen one. Good for a day."""

    offer: str
    names: list[str]


class InvitationCode(_Body):
    invitation: Code


class Community(BaseModel):
    id: UUID
    name: str


class InvitationLook(BaseModel):
    """What an open invitation is for."""

    role: Role
    communities: list[Community]


class Joining(_Body):
    invitation: Code
    over_18: bool
    consent_version: Annotated[str, StringConstraints(max_length=20)]
    research: bool
    agreement_version: Annotated[str, StringConstraints(max_length=20)]
    offer: Annotated[str, StringConstraints(max_length=2000)]
    sign_in_name: SignInName
    passphrase: Secret
    display_name: Line | None = None


class RecoveryCodes(BaseModel):
    """Shown once: each lets its owner choose a new passphrase once."""

    recovery_codes: list[str]


class SignIn(_Body):
    sign_in_name: SignInName
    passphrase: Secret
    client_id: ClientId
    client_assertion: Annotated[
        Annotated[str, StringConstraints(max_length=4096)] | None, Field(repr=False)
    ] = None


class SessionOpened(BaseModel):
    session: str
    expires_at: datetime


class TokenRequest(BaseModel):
    """RFC 8693, section 2.1. Parameters we don't know are ignored, as RFC 6749 asks.

    `scope` "community": the token for the forum names the member's community, so that they can show it there.
    """

    grant_type: str = ""
    subject_token: Annotated[str, Field(repr=False)] = ""
    subject_token_type: str = ""
    requested_token_type: str = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
    audience: str = ""
    scope: str = ""
    client_id: str = ""
    client_assertion_type: str = ""
    client_assertion: Annotated[str | None, Field(repr=False)] = None


class TokenAnswer(BaseModel):
    """RFC 8693, section 2.2.1. `refresh_token` is a public client's next session."""

    access_token: str
    issued_token_type: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    scope: str | None = None
    refresh_token: str | None = None


class Recovery(_Body):
    sign_in_name: SignInName
    recovery_code: Code
    new_passphrase: Secret


class Me(BaseModel):
    """One's own account. Versions are those said yes to; a newer text may be in force (`GET /texts`)."""

    role: Role
    communities: list[Community]
    display_name: str | None
    research: bool
    research_asked_again: bool  # said yes before a restore; counts as no until they say it again
    consent_version: str
    agreement_version: str


class ResearchChoice(_Body):
    consent: bool
    language: Language = "en"


class PassphraseChange(_Body):
    passphrase: Secret
    new_passphrase: Secret


class Confirmation(_Body):
    passphrase: Secret


class Receipt(BaseModel):
    """Shown once: shows on a public page, for 90 days, which services have forgotten the account."""

    receipt: str


class ReceiptCode(_Body):
    receipt: Code


class ToldService(BaseModel):
    """A service that knew the account, and the day on which it was told to forget it (null: not yet).

    `erasure_id`: of the forum, once it was told. The forum says by it what other regions say (`POST /erasures/look`).
    """

    service: str
    told_on: date | None
    erasure_id: UUID | None


class ErasureProgress(BaseModel):
    """Empty for a receipt that isn't known, or no longer."""

    services: list[ToldService]


class AccountData(BaseModel):
    """All that identity keeps about an account and that its owner can read."""

    role: Role
    joined_on: date
    research: bool
    display_name: str | None
    communities: list[Community]
    statements: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    security: list[dict[str, Any]]


class MakingInvitations(_Body):
    """`same_as`: for one consultant who has an account in another region: the forum profile they have there."""

    role: Role
    communities: Annotated[list[UUID], Field(max_length=50)]
    count: Annotated[int, Field(ge=1, le=50)] = 1
    days: Annotated[int, Field(ge=1, le=60)] = 30
    same_as: UUID8 | None = None  # the forum gives profiles ids of this version only


class InvitationsMade(BaseModel):
    """Shown once. Each is for one person, until the end of `expires_on`."""

    invitations: list[str]
    expires_on: date


class InvitationsOpen(BaseModel):
    open: int
