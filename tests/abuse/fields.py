"""Every text that the services' APIs take, as their own OpenAPI says: a field that is new and judged nowhere fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.abuse.services import SERVICES, Here, in_days
from tests.access.table import ANALYST, CONSULTANT, MEMBER, NOBODY, OPERATOR
from tests.events.conftest import CAFE
from tests.identity.conftest import SESSION_TOKEN, TOKEN_EXCHANGE

CLOSED = {  # compared or read, never kept as words and never shown
    "invitation", "consent_version", "agreement_version", "offer", "sign_in_name", "passphrase", "new_passphrase",
    "recovery_code", "receipt", "client_id", "client_assertion", "client_assertion_type", "grant_type", "subject_token",
    "subject_token_type", "requested_token_type", "audience", "scope", "starts", "zone", "code",
}  # fmt: skip
READ_AS = ("format", "enum", "const")  # ids, days, choices: no words
METHODS = ("get", "post", "put", "delete", "patch")
A_LATER_CAFE = {"starts": in_days(75), "title": "T", "prompt_text": "P"}


@dataclass(frozen=True)
class Field:
    """One text of one endpoint, with a body in which everything else is as it should be."""

    service: str
    endpoint: str
    name: str
    path: str
    body: dict[str, Any]
    role: str
    form: bool  # not JSON

    @property
    def closed(self) -> bool:
        return self.name in CLOSED


def texts_of(document: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """(endpoint, field, whether it is a form's) of every string in a request's body."""
    for path, operations in document["paths"].items():
        for method in METHODS:
            content = operations.get(method, {}).get("requestBody", {}).get("content", {})
            for kind, body in content.items():
                for name in _texts_in(document, body["schema"]):
                    yield f"{method.upper()} {path}", name, "json" not in kind


def _texts_in(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for name, said in schema.get("properties", {}).items():
        for one in [*said.get("anyOf", [said]), *([said["items"]] if "items" in said else [])]:
            assert "$ref" not in one, f"{name} holds fields of its own: walk into it"
            if one.get("type") == "string" and not any(kind in one for kind in READ_AS):
                yield name


def bodies(here: Here) -> dict[str, tuple[str, dict[str, Any]]]:
    """(role, good body) of every endpoint that takes a text."""
    cafe = CAFE | A_LATER_CAFE
    community = str(here.communities[0])
    joining = here.run(_joining(here))
    return {
        "identity POST /invitations/look": (NOBODY, {"invitation": "A"}),
        "identity POST /members": (NOBODY, joining),
        "identity POST /sessions": (NOBODY, {"sign_in_name": "n", "passphrase": "p", "client_id": "app"}),
        "identity POST /token": (
            NOBODY,
            {"grant_type": TOKEN_EXCHANGE, "subject_token": "t", "subject_token_type": SESSION_TOKEN,
             "audience": "forum", "client_id": "app"},
        ),
        "identity POST /recoveries": (
            NOBODY,
            {"sign_in_name": "n", "recovery_code": "c", "new_passphrase": "lanterns by the shore"},
        ),
        "identity PUT /me/passphrase": (
            ANALYST, {"passphrase": "not this one", "new_passphrase": "lanterns by the shore"},
        ),
        "identity POST /me/erasure": (ANALYST, {"passphrase": "not this one"}),
        "identity POST /receipts/look": (NOBODY, {"receipt": "A"}),
        "forum POST /profile": (MEMBER, {"name": "N"}),
        "forum PUT /profile": (MEMBER, {"name": "N"}),
        "forum POST /names/check": (MEMBER, {"name": "N"}),
        "forum POST /threads": (MEMBER, {"title": "T", "wish": "listen", "body": "B"}),
        "forum POST /threads/{thread_id}/posts": (MEMBER, {"body": "B"}),
        "forum PUT /posts/{post_id}": (MEMBER, {"body": "B"}),
        "forum POST /posts/{post_id}/hides": (CONSULTANT, {"reason": "R"}),
        "forum PUT /posts/{post_id}/sanction": (CONSULTANT, {"category": "other", "reason": "R", "days": 1}),
        "events POST /communities": (OPERATOR, {"name": f"N {uuid4().hex[:6]}", "area": "A"}),
        "events POST /gatherings": (CONSULTANT, cafe | {"community_id": community}),
        "events PUT /gatherings/{gathering_id}": (CONSULTANT, cafe | {"reason": "R"}),
        "events POST /gatherings/{gathering_id}/cancellation": (CONSULTANT, {"reason": "R"}),
        "events PUT /gatherings/{gathering_id}/name": (MEMBER, {"name": "N"}),
        "events POST /gatherings/{gathering_id}/check-in": (MEMBER, {"code": "1"}),
        "analytics POST /studies": (
            ANALYST, {"title": "S", "communities": [community], "ends_on": in_days(60).partition("T")[0]},
        ),
    }  # fmt: skip


async def _joining(here: Here) -> dict[str, Any]:
    code = await here.identity.invitation("consultant", [await here.identity.community()])
    return await here.identity.joining(code, display_name="Kari Nordmann")


def every_text(here: Here) -> Iterator[Field]:
    """All of them. Raises KeyError for an endpoint whose good body isn't said above."""
    good = bodies(here)
    for service in SERVICES:
        for endpoint, name, form in texts_of(here.apps[service].openapi()):
            role, body = good[f"{service} {endpoint}"]
            ids = here.ids_for(endpoint)
            if "{gathering_id}" in endpoint:  # one of its own: it may be cancelled
                plan = good["events POST /gatherings"][1]
                ids["gathering_id"] = here.makes("events", "/gatherings", plan, role=CONSULTANT)["ids"][0]
            path = endpoint.partition(" ")[2].format(**ids)
            yield Field(service, endpoint, name, path, body, role, form)
