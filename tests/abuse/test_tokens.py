"""Forged, borrowed and malformed access tokens, at every service through its own front door."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from shared import clock
from shared.auth import MAX_TOKEN_BYTES
from tests import tried
from tests.abuse.services import SERVICES, Here, problem_of
from tests.tokens import Issuer

DOORS = {  # a page of each service that a member may read
    "identity": "/me", "forum": "/threads", "events": "/gatherings", "notifications": "/waiting",
    "analytics": "/studies",
}  # fmt: skip
ROLE = {"analytics": "analyst"}


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header: dict[str, Any], payload: bytes, key: OKPKey) -> str:
    """A signature over anything, by a key that is trusted."""
    start = f"{encoded(header)}.{encoded(payload)}"
    private = key.private_key
    assert private is not None
    return f"{start}.{encoded(private.sign(start.encode()))}"  # type: ignore[union-attr]


def forgeries(issuer: Issuer, good: str, audience: str) -> Iterator[tuple[str, str]]:
    """(what, token): each would be good but for one thing."""
    header_part, payload_part, signature = good.split(".")
    header, payload = decoded(header_part), decoded(payload_part)
    body = json.dumps(payload).encode()
    key = issuer.key
    public = key.as_dict(private=False)

    for alg in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {alg!r}", f"{encoded(header | {'alg': alg})}.{payload_part}."
        yield f"alg {alg!r} with signature", f"{encoded(header | {'alg': alg})}.{payload_part}.{signature}"
    for secret in (json.dumps(public).encode(), base64.urlsafe_b64decode(f"{public['x']}=="), b""):
        start = f"{encoded(header | {'alg': 'HS256'})}.{payload_part}"
        yield (
            "HS256 by the public key",
            f"{start}.{encoded(hmac.digest(secret, start.encode(), hashlib.sha256))}",
        )
    for algorithm in ("EdDSA", "ES256", "RS256", ["Ed25519"], None, 1):
        yield f"alg {algorithm}", signed(header | {"alg": algorithm}, body, key)
    types: list[object] = ["JWT", "at+JWT ", "id+jwt", "application/at+jwt", None, ["at+jwt"]]
    for typ in types:
        yield f"typ {typ}", signed(header | {"typ": typ}, body, key)
    critical: list[dict[str, object]] = [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"crit": None},
    ]
    for more in critical:
        yield f"{more}", signed(header | more, body, key)

    own = OKPKey.generate_key("Ed25519", {"kid": header["kid"]})
    yield "another key under our key's id", signed(header, body, own)
    brought = {
        "jwk": own.as_dict(private=False),
        "jku": "http://127.0.0.1:9/keys",
        "x5u": "http://127.0.0.1:9/x",
    }
    yield "a key it brings along", signed(header | brought, body, own)
    for kid in (
        "nobody's",
        "../../dev/null",
        "' OR 1=1 --",
        "",
        None,
        1,
        ["a"],
        {"kid": header["kid"]},
        "k" * 2_000,
    ):
        yield f"key id {str(kid)[:20]}", signed(header | {"kid": kid}, body, own)

    now = int(clock.now().timestamp())
    changes: list[dict[str, Any]] = [{"aud": other} for other in SERVICES if other != audience]
    changes += [
        {"aud": [audience]},
        {"aud": None},
        {"aud": audience.upper()},
        {"aud": "*"},
        {"aud": {audience: 1}},
    ]
    changes += [
        {"iss": iss} for iss in ("https://evil.example", payload["iss"] + "/", [payload["iss"]], None)
    ]
    changes += [{"exp": now - 31}, {"exp": 0}, {"exp": -(2**63)}, {"exp": None}, {"exp": str(now + 300)}]
    changes += [{"exp": [now + 300]}, {"iat": now + 120}, {"iat": "now"}, {"iat": None}]
    changes += [{"role": role} for role in ("root", "Operator", ["operator"], None, {"operator": 1})]
    changes += [{"sub": sub} for sub in (None, "", "nobody", 7, [str(uuid4())], {"$ne": ""}, "\ud800")]
    for changed in changes:
        what = json.dumps(changed)[:60]
        yield f"changed {what}", f"{header_part}.{encoded(payload | changed)}.{signature}"
        yield f"signed {what}", signed(header, json.dumps(payload | changed).encode(), key)
    for raw in (
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"",
        b"{",
        b"\xff",
        b"[" * 2_500,
        b'{"a":' * 1_000,
        b"9" * 2_500,
    ):
        yield f"payload {raw[:9]!r}", signed(header, raw, key)
    for raw in (b"[]", b"null", b"", b"{", b"\xff", b"[" * 2_900, b'{"a":' * 550, b"9" * 2_900):
        yield f"header {raw[:9]!r}", f"{encoded(raw)}.e30.AA"

    yield "a token in a token", signed(header | {"cty": "JWT"}, good.encode(), key)
    yield "a token in a claim", signed(header, json.dumps({"jwt": good}).encode(), key)
    yield "encrypted", f"{encoded({'alg': 'dir', 'enc': 'A256GCM', 'typ': 'at+jwt'})}..AA.AA.AA"
    yield (
        "as JSON",
        encoded(
            {"payload": payload_part, "signatures": [{"protected": header_part, "signature": signature}]}
        ),
    )
    yield "no signature", f"{header_part}.{payload_part}."
    yield "half a signature", f"{header_part}.{payload_part}.{signature[:40]}"
    yield "more signature", f"{good}AAAA"
    yield "four parts", f"{good}.{signature}"
    yield "twice", f"{good},{good}"
    yield "huge", signed(header, json.dumps(payload | {"more": "m" * MAX_TOKEN_BYTES}).encode(), key)
    yield "very huge", "A" * 60_000 + "." + "B" * 60_000 + "." + "C"
    yield "dots", "." * 60_000


@pytest.mark.parametrize("service", SERVICES)
def test_no_forged_token_opens_a_door(here: Here, service: str) -> None:
    issuer = here.issuer
    good = here.bearer(service, ROLE.get(service, "member"))["Authorization"].partition(" ")[2]
    if service == "identity":  # its own key never leaves it: here somebody else's signs
        issuer = Issuer()
    assert here.ask("GET", service, DOORS[service], headers={"Authorization": f"Bearer {good}"}).is_success
    forged = 0
    for what, token in forgeries(issuer, good, service):
        answer = here.ask("GET", service, DOORS[service], headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, f"{what}: {answer.status_code} {answer.text}"
        assert problem_of(answer) == "sign-in-needed"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert len(answer.content) < 500, "a refusal repeats nothing"
        forged += 1
    assert here.ask("GET", service, DOORS[service], headers={"Authorization": f"Bearer {good}"}).is_success
    assert forged > 100
    tried.count("abuse", "forged tokens", forged)


@pytest.mark.parametrize(
    "dressed",
    [
        lambda token: {"Authorization": f"Basic {token}"},
        lambda token: {"Authorization": token},
        lambda token: {"Authorization": f"Bearer Bearer {token}"},
        lambda token: {"Authorization": f"Bearer {token} {token}"},
        lambda token: {"Cookie": f"access_token={token}; Authorization=Bearer {token}"},
        lambda token: {"X-Authorization": f"Bearer {token}", "X-Forwarded-Authorization": f"Bearer {token}"},
    ],
)
def test_a_token_counts_in_its_own_header_only(here: Here, dressed: Callable[[str], dict[str, str]]) -> None:
    for service, path in DOORS.items():
        token = here.bearer(service, ROLE.get(service, "member"))["Authorization"].partition(" ")[2]
        assert problem_of(here.ask("GET", service, path, headers=dressed(token))) == "sign-in-needed"
        in_the_address = here.ask("GET", service, f"{path}?access_token={token}&token={token}")
        assert problem_of(in_the_address) == "sign-in-needed"


def test_a_token_seen_before_ends_when_it_ends(here: Here) -> None:
    for service in ("forum", "events", "notifications"):
        issued = here.issuer.token(
            service, at=clock.now() - timedelta(seconds=240), communities=here.communities
        )
        bearer = {"Authorization": f"Bearer {issued}"}
        assert here.ask("GET", service, DOORS[service], headers=bearer).is_success
        with clock.stopped_at(clock.now() + timedelta(seconds=151)):
            assert problem_of(here.ask("GET", service, DOORS[service], headers=bearer)) == "sign-in-needed"


def test_joserfc_would_sign_what_we_forge(here: Here) -> None:
    """The forger is good: what it signs with nothing changed is accepted."""
    good = here.issuer.token("forum")
    header, payload, _ = good.split(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    again = signed(decoded(header), raw, here.issuer.key)
    assert jws.deserialize_compact(again, here.issuer.key, algorithms=["Ed25519"]).payload == raw
    assert here.ask("GET", "forum", "/threads", headers={"Authorization": f"Bearer {again}"}).is_success
