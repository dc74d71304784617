"""A closed or erased alias has nothing here any more, whatever its token says for another five minutes."""

from typing import Any
from uuid import uuid4

import pytest

from tests.access.table import CONSULTANT, NOBODY, TABLE
from tests.forum.people import Json, Person, Place

# What a call needs to be a good one; a new endpoint that needs more fails here until it is said.
BODIES: dict[str, Json] = {
    "POST /profile": {},
    "PUT /profile": {"name": "Kari Again"},
    "POST /names/check": {"name": "Kari Again"},
    "POST /threads": {"title": "t", "wish": "listen", "body": "b"},
    "POST /threads/{thread_id}/posts": {"body": "b"},
    "PUT /posts/{post_id}": {"body": "b"},
    "POST /posts/{post_id}/hides": {"reason": "r"},
    "PUT /posts/{post_id}/report": {"category": "worry"},
    "PUT /posts/{post_id}/sanction": {"category": "worry", "reason": "r", "days": 1},
}
QUERIES = {"GET /search": "?q=mornings", "DELETE /posts/{post_id}/report": f"?upto={uuid4()}"}
# Of those who may ask here at all: what is open without a token isn't asked by anybody in particular.
ASKED_BY_SOMEBODY = {endpoint: roles for endpoint, roles in TABLE["forum"].items() if NOBODY not in roles}


@pytest.mark.parametrize("how", ["closed", "erased"])
@pytest.mark.parametrize("by", ["Ada", "Kari"])
async def test_no_endpoint_answers_a_closed_or_erased_alias(
    forum: Place, kari: Person, ada: Person, how: str, by: str
) -> None:
    """Of what they wrote themselves, and of what somebody else did. What is for members alone a member asks."""
    await kari.do("POST", "/profile", {})
    sol = await forum.member("Sol")
    sol.said = {"community": "Lyngmo"}
    thread = await {"Ada": ada, "Kari": kari}[by].opens()
    for gone in (kari, sol):
        await forum.rows(f"UPDATE members SET {how} = true WHERE alias = $1", gone.alias)
    ids = {
        "profile_id": (await ada.do("GET", "/profile"))["id"],
        "thread_id": thread["id"],
        "post_id": thread["posts"][0]["id"],
        "kind": "thanks",
        "sanction_id": str(uuid4()),
    }
    bodies = BODIES | {"PUT /threads/{thread_id}/read-mark": {"shown": [ids["post_id"]]}}
    answered = {}
    for endpoint, allowed in ASKED_BY_SOMEBODY.items():
        method, _, path = endpoint.partition(" ")
        gone = kari if CONSULTANT in allowed else sol
        answer = await gone.ask(method, path.format(**ids) + QUERIES.get(endpoint, ""), bodies.get(endpoint))
        answered[endpoint] = _said(answer)
    assert answered == dict.fromkeys(ASKED_BY_SOMEBODY, (403, "/problems/account-closed"))


@pytest.mark.parametrize("body", ["as before", "another"])
async def test_what_was_made_before_is_not_told_to_a_closed_alias_that_repeats_it(
    forum: Place, kari: Person, body: str
) -> None:
    thread = await kari.opens()
    calls = {
        "/threads": {"title": "t", "wish": "listen", "body": "b"},
        f"/threads/{thread['id']}/posts": {"body": "b"},
        f"/posts/{thread['posts'][0]['id']}/hides": {"reason": "r"},
    }
    keys = {path: uuid4().hex for path in calls}
    for path, said in calls.items():
        assert (await kari.ask("POST", path, said, key=keys[path])).status_code == 201
    await forum.rows("UPDATE members SET closed = true WHERE alias = $1", kari.alias)
    for path, said in calls.items():
        last = next(reversed(said))
        again = said if body == "as before" else said | {last: "other words"}
        answer = await kari.ask("POST", path, again, key=keys[path])
        assert _said(answer) == (403, "/problems/account-closed"), path


def _said(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("type") if answer.content else None
