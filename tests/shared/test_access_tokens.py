"""Which access tokens a service accepts."""

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from shared import clock
from shared.auth import KeysUnavailable, TokenRefused, TokenVerifier
from tests.tokens import ISSUER, Issuer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(issuer.fetch_keys, issuer=ISSUER, audience="forum")


def part(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_good_token_tells_alias_role_and_a_consultants_name(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    claims = await verifier.verify(issuer.token("forum", role="consultant", name="Kari"))
    assert (claims.role, claims.name, claims.communities) == ("consultant", "Kari", ())


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "events"},
        {"aud": ["forum", "events"]},
        {"iss": "https://elsewhere.invalid"},
        {"role": "admin"},
        {"role": None},
        {"sub": "me"},
        {"sub": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": 2**40},
        {"client_id": None},
        {"communities": [1]},
    ],
)
async def test_a_token_with_wrong_claims_is_refused(
    issuer: Issuer, verifier: TokenVerifier, changed: dict[str, Any]
) -> None:
    with pytest.raises(TokenRefused):
        await verifier.verify(issuer.token("forum", **changed))


async def test_a_token_is_refused_once_it_has_expired_even_if_seen_before(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    with clock.stopped_at(clock.now()) as time:
        token = issuer.token("forum")
        await verifier.verify(token)
        time.move(timedelta(minutes=6))
        with pytest.raises(TokenRefused):
            await verifier.verify(token)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "at+jwt"},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "EdDSA", "typ": "at+jwt"},
        {"alg": "Ed25519", "typ": "JWT"},
        {"alg": "Ed25519", "typ": "at+jwt", "crit": ["exp"]},
        {"alg": "Ed25519"},
    ],
)
async def test_another_algorithm_type_or_critical_header_is_refused(
    issuer: Issuer, verifier: TokenVerifier, header: dict[str, Any]
) -> None:
    _, claims, signature = issuer.token("forum").split(".")
    with pytest.raises(TokenRefused):
        await verifier.verify(f"{part(header | {'kid': issuer.key.kid})}.{claims}.{signature}")


async def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    secret = OctKey.import_key(json.dumps(issuer.jwks()).encode())
    header = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid}
    with pytest.raises(TokenRefused):
        await verifier.verify(jwt.encode(header, {"aud": "forum"}, secret))


async def test_a_token_of_another_key_or_with_a_changed_claim_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    stranger = Issuer(key=OKPKey.generate_key("Ed25519", {"kid": issuer.key.kid or ""}))
    with pytest.raises(TokenRefused):
        await verifier.verify(stranger.token("forum"))
    header, _, signature = issuer.token("forum").split(".")
    with pytest.raises(TokenRefused):
        await verifier.verify(f"{header}.{part({'aud': 'forum', 'role': 'operator'})}.{signature}")


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "....", "a.b.c.d.e", "x" * 100_000, "é.é.é"])
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(TokenRefused):
        await verifier.verify(token)


async def test_a_new_signing_key_is_fetched_and_tokens_of_a_withdrawn_one_are_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    with clock.stopped_at(clock.now()) as time:
        old = issuer.token("forum")
        await verifier.verify(old)
        issuer.rotate()
        time.move(timedelta(seconds=30))
        await verifier.verify(issuer.token("forum"))
        with pytest.raises(TokenRefused):
            await verifier.verify(old)


async def test_unknown_key_ids_do_not_make_us_ask_identity_each_time(issuer: Issuer) -> None:
    asked = 0

    async def fetch() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return issuer.jwks()

    verifier = TokenVerifier(fetch, issuer=ISSUER, audience="forum")
    with clock.stopped_at(clock.now()):
        for _ in range(5):
            with pytest.raises(TokenRefused):
                await verifier.verify(Issuer().token("forum"))
    assert asked == 1


async def test_while_identity_hangs_only_one_waits_for_it_and_nobody_is_refused_for_it(
    issuer: Issuer,
) -> None:
    asked, hangs = 0, True
    gives_up = asyncio.Event()

    async def fetch() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if hangs:
            await gives_up.wait()
            raise httpx.ReadTimeout("no answer")
        return issuer.jwks()

    verifier = TokenVerifier(fetch, issuer=ISSUER, audience="forum")
    with clock.stopped_at(clock.now()) as time:
        tokens = [issuer.token("forum") for _ in range(20)]
        waiting = asyncio.gather(*(verifier.verify(token) for token in tokens), return_exceptions=True)
        await asyncio.sleep(0)
        time.move(timedelta(seconds=5))  # longer than the pause after a failure
        gives_up.set()
        assert {type(error) for error in await waiting} == {KeysUnavailable}
        assert asked == 1
        with pytest.raises(KeysUnavailable):
            await verifier.verify(tokens[0])
        assert asked == 1
        hangs = False
        time.move(timedelta(seconds=2))
        assert (await verifier.verify(tokens[0])).role == "member"
        with pytest.raises(TokenRefused):
            await verifier.verify(Issuer().token("forum"))


async def test_known_keys_go_on_while_identity_is_away(issuer: Issuer) -> None:
    away = False

    async def fetch() -> dict[str, Any]:
        if away:
            raise httpx.ConnectError("away")
        return issuer.jwks()

    verifier = TokenVerifier(fetch, issuer=ISSUER, audience="forum")
    with clock.stopped_at(clock.now()) as time:
        await verifier.verify(issuer.token("forum"))
        away = True
        time.move(timedelta(seconds=30))
        with pytest.raises(KeysUnavailable):
            await verifier.verify(Issuer().token("forum"))
        await verifier.verify(issuer.token("forum", role="consultant"))
