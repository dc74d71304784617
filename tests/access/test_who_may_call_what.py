"""The table of roles and endpoints, held against the running region."""

import httpx
import pytest

from tests.access.calls import request_of
from tests.access.table import ANYONE, EVERYONE_SIGNED_IN, NOBODY, OPERATOR, TABLE
from tests.people import People, Person, a_name

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.mark.parametrize("service", TABLE)
async def test_every_endpoint_is_in_the_table_and_every_line_of_the_table_exists(
    people: People, service: str
) -> None:
    document = (await people.http.get(f"/api/{service}/openapi.json")).json()
    there = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in METHODS
    }
    assert there == TABLE[service].keys()


async def everyone(people: People) -> dict[str, Person]:
    """One person of each role, with a token for every service in hand."""
    operator = await people.operator()
    community = await people.community(operator)
    found = {OPERATOR: operator}
    for role in sorted(EVERYONE_SIGNED_IN - {OPERATOR}):
        communities = [] if role == "analyst" else [community]
        name = a_name("Ingrid") if role == "consultant" else None
        forum_name = a_name("Moss") if role == "member" else None
        found[role] = await operator.invites(role, communities, name=name, forum_name=forum_name)
    for role, person in found.items():
        for service, endpoints in TABLE.items():
            exchanged = await person.exchange(service)
            if any(role in allowed and allowed != ANYONE for allowed in endpoints.values()):
                assert exchanged.status_code == 200, (role, service)
                await person.token(service)
            else:
                # Identity gives no token at all for a service that isn't open to the role.
                assert exchanged.status_code == 400, (role, service)
    return found


async def call(people: People, person: Person | None, service: str, endpoint: str) -> httpx.Response:
    bearer = {}
    if person is not None:
        audience = service if person.holds(service) else "identity"
        bearer = {"Authorization": f"Bearer {await person.token(audience)}"}
    return await people.http.request(**request_of(endpoint, bearer, base=f"/api/{service}"))


async def test_each_role_reaches_exactly_what_the_table_says(people: People) -> None:
    roles = await everyone(people)
    wrong = []
    for service, endpoints in TABLE.items():
        for endpoint, allowed in endpoints.items():
            for role in (NOBODY, *roles):
                answer = await call(people, roles.get(role), service, endpoint)
                if answer.status_code == 429:
                    pytest.fail("the limits are in the way of this test")
                if answer.status_code >= 500:
                    wrong.append((service, endpoint, role, answer.status_code))
                refused = answer.status_code in (401, 403)
                if role in allowed and refused and not (allowed == ANYONE and role == NOBODY):
                    wrong.append((service, endpoint, role, answer.status_code))
                holder = roles.get(role)
                expected = 403 if holder is not None and holder.holds(service) else 401
                if role not in allowed and answer.status_code != expected:
                    wrong.append((service, endpoint, role, answer.status_code))
    assert not wrong


async def test_a_token_of_one_service_opens_no_other(people: People) -> None:
    operator = await people.operator()
    member = await operator.invites("member", [await people.community(operator)], forum_name=a_name("Fern"))
    paths = {
        "forum": "/threads",
        "events": "/gatherings",
        "notifications": "/waiting",
        "identity": "/me",
    }
    for audience in paths:
        bearer = {"Authorization": f"Bearer {await member.token(audience)}"}
        for service, path in paths.items():
            answer = await people.http.get(f"/api/{service}{path}", headers=bearer)
            assert answer.status_code == (200 if service == audience else 401), (audience, service)
