"""Who calls: an alias of this service and a role, from the bearer token."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI, Request

from shared.api.problems import Busy, Problem
from shared.auth import KeysUnavailable, TokenRefused, TokenVerifier


class SignInNeeded(Problem):
    status = 401
    type = "sign-in-needed"
    title = "Please sign in."


class NotForThisRole(Problem):
    status = 403
    type = "not-for-this-role"
    title = "This isn't open to your role."


class AccountClosed(Problem):
    """The alias was closed or erased, whatever its token says."""

    status = 403
    type = "account-closed"
    title = "This account is closed."


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a valid token, as this service knows them."""

    alias: UUID
    role: str
    name: str | None = None
    communities: tuple[UUID, ...] = ()
    community: str | None = None
    same_as: UUID | None = None


def install(app: FastAPI, verifier: TokenVerifier) -> None:
    """`requires(...)` dependencies of `app` verify by `verifier`."""
    app.state.verifier = verifier


async def caller_of(request: Request) -> Caller:
    """Raises SignInNeeded; Busy when identity's keys can't be had."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SignInNeeded(headers={"WWW-Authenticate": "Bearer"})
    verifier: TokenVerifier = request.app.state.verifier
    try:
        claims = await verifier.verify(token.strip())
    except TokenRefused:
        raise SignInNeeded(headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None
    except KeysUnavailable:
        raise Busy(headers={"Retry-After": "2"}) from None
    return Caller(
        claims.subject, claims.role, claims.name, claims.communities, claims.community, claims.same_as
    )


def requires(*roles: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that gives the caller if they have one of `roles`. Raises SignInNeeded, NotForThisRole."""

    async def caller(request: Request) -> Caller:
        found = await caller_of(request)
        if found.role not in roles:
            raise NotForThisRole()
        return found

    return caller
