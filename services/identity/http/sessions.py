"""Signing in and out, tokens, recovery, and the keys that tokens are checked with."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Header, Response
from fastapi.responses import JSONResponse

from services.identity.errors import RequestNotUnderstood, SessionEnded
from services.identity.http.service import Account, Here, not_stored
from services.identity.schemas import (
    Recovery,
    RecoveryCodes,
    SessionOpened,
    SignIn,
    TokenAnswer,
    TokenRequest,
)
from services.identity.use_cases.recovery import recover
from services.identity.use_cases.sessions import (
    SHOWING,
    Exchange,
    end_session,
    exchange,
    sign_out_everywhere,
    start_session,
)
from shared import clock
from shared.api.problems import problem_response
from shared.api.transactions import Session

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
SESSION_TOKEN = "urn:peercafe:token-type:session"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

router = APIRouter(tags=["sessions"])


@router.get("/jwks.json")
async def public_keys(here: Here, response: Response) -> dict[str, Any]:
    """The keys that access tokens are checked with (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return here.ring.jwks()


@router.post("/sessions", status_code=201, dependencies=[Depends(not_stored)])
async def sign_in(body: SignIn, session: Session, here: Here) -> SessionOpened:
    """Sign in. The answer is the same, and takes as long, for a wrong name, a wrong passphrase and a suspended account."""
    await here.clients.check(body.client_id, body.client_assertion)
    checked = await here.authentication.by_passphrase(body.sign_in_name, body.passphrase)
    token, expires_at = await start_session(session, checked, body.client_id, here.lifetimes)
    return SessionOpened(session=token, expires_at=expires_at)


@router.delete("/sessions/current", status_code=204)
async def sign_out(session: Session, authorization: Annotated[str, Header()] = "") -> None:
    """Sign out: the bearer is the session itself. A session that is over already is no error."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        await end_session(session, token.strip())


@router.delete("/sessions", status_code=204)
async def sign_out_of_everything(session: Session, account: Account) -> None:
    """Sign out everywhere: no new access tokens from any session; those given last five minutes at most."""
    await sign_out_everywhere(session, account.id)


@router.post("/token", dependencies=[Depends(not_stored)], response_model=TokenAnswer)
async def exchange_token(
    form: Annotated[TokenRequest, Form()], session: Session, here: Here
) -> TokenAnswer | JSONResponse:
    """Exchange a session for an access token of one audience (RFC 8693)."""
    if (form.grant_type, form.subject_token_type, form.requested_token_type) != (
        TOKEN_EXCHANGE,
        SESSION_TOKEN,
        ACCESS_TOKEN,
    ) or form.client_assertion_type not in ("", JWT_BEARER):
        raise RequestNotUnderstood
    await here.clients.check(form.client_id, form.client_assertion)
    asked = Exchange(form.subject_token, form.client_id, form.audience, form.scope)
    exchanged = await exchange(session, asked, here.lifetimes)
    if exchanged is None:
        # Not raised: that would take back the end of the session, too.
        ended = SessionEnded()
        return problem_response(ended.status, ended.type, ended.title, **ended.extra)
    token, seconds = here.ring.issue(form.audience, exchanged.subject, form.client_id, at=clock.now())
    return TokenAnswer(
        access_token=token,
        issued_token_type=ACCESS_TOKEN,
        expires_in=seconds,
        scope=None if exchanged.subject.community is None else SHOWING,
        refresh_token=exchanged.successor,
    )


@router.post("/recoveries", status_code=201, dependencies=[Depends(not_stored)])
async def recover_account(body: Recovery, session: Session, here: Here) -> RecoveryCodes:
    """Choose a new passphrase by a recovery code. Ends every session; all recovery codes are made anew."""
    authentication = here.authentication
    authentication.passphrases.check(body.new_passphrase, body.sign_in_name)
    async with authentication.by_recovery_code(body.sign_in_name, body.recovery_code) as participant_id:
        verifier = await authentication.passphrases.hash(body.new_passphrase)
        fresh = await recover(session, participant_id, body.recovery_code, verifier)
    return RecoveryCodes(recovery_codes=fresh)
