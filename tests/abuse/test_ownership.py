"""Role × endpoint × ownership: what is somebody else's answers like what doesn't exist, letter for letter."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests import tried
from tests.abuse.services import Here, in_days, make_things, problem_of
from tests.access.table import ANYONE, EVERYONE_SIGNED_IN, OPERATOR, TABLE
from tests.events.conftest import CAFE

PLAN = CAFE | {"starts": in_days(45), "reason": "Rain"}
BODIES: dict[str, Any] = {  # of endpoints that take one: without it nothing is looked up
    "PUT /posts/{post_id}": {"body": "Mine now"},
    "POST /posts/{post_id}/hides": {"reason": "Not kind"},
    "POST /threads/{thread_id}/posts": {"body": "Hello"},
    "PUT /threads/{thread_id}/read-mark": {"upto": str(uuid4())},
    "PUT /gatherings/{gathering_id}": PLAN,
    "POST /gatherings/{gathering_id}/cancellation": {"reason": "Rain"},
    "PUT /gatherings/{gathering_id}/answer": {"answer": "come"},
    "PUT /gatherings/{gathering_id}/name": {"name": "Bo"},
    "POST /gatherings/{gathering_id}/check-in": {"code": "123456"},
    "PUT /gatherings/{gathering_id}/head-count": {"members": 3},
}
# The forum is everybody's to read and to answer; consultants moderate all of it; operators decide about any study.
FOR_EVERYBODY = {
    "GET /profiles/{profile_id}",
    "GET /threads/{thread_id}",
    "GET /posts/{post_id}",
    "POST /threads/{thread_id}/posts",
    "PUT /threads/{thread_id}/read-mark",
    "PUT /threads/{thread_id}/watching",
    "DELETE /threads/{thread_id}/watching",
    "PUT /posts/{post_id}/reactions/{kind}",
    "DELETE /posts/{post_id}/reactions/{kind}",
    "POST /posts/{post_id}/hides",
    "DELETE /posts/{post_id}/hides",
    "PUT /posts/{post_id}/report",
    "DELETE /posts/{post_id}/report",
    "PUT /posts/{post_id}/sanction",
    "DELETE /sanctions/{sanction_id}",
    "GET /studies/{study_id}/published",
}
OWNED = [
    (service, endpoint, role)
    for service, endpoints in TABLE.items()
    for endpoint, allowed in endpoints.items()
    if "_id}" in endpoint and endpoint not in FOR_EVERYBODY
    for role in sorted(EVERYONE_SIGNED_IN)
    if not (service == "analytics" and role == OPERATOR)
]

# Where the one who asks can't do it: a post is its writer's alone; some things have their time.
NOT_NOW = {
    ("PUT /posts/{post_id}", "consultant"): "post-not-found",
    ("PUT /gatherings/{gathering_id}/head-count", "consultant"): "gathering-not-yet",
    **{
        (f"GET /studies/{{study_id}}/{figures}", "analyst"): "study-not-started"
        for figures in ("journeys", "research", "rows")
    },
}


def called(here: Here, service: str, endpoint: str, ids: dict[str, str], **who: Any) -> httpx.Response:
    method, _, path = endpoint.partition(" ")
    return here.ask(method, service, path.format(**ids), json=BODIES.get(endpoint), **who)


@pytest.mark.parametrize(("service", "endpoint", "role"), OWNED)
def test_what_is_somebody_elses_answers_like_what_does_not_exist(
    here: Here, service: str, endpoint: str, role: str
) -> None:
    stranger, nothing = uuid4(), {name: str(uuid4()) for name in here.ids} | {"kind": "thanks"}
    headers = here.issuer.bearer(
        service, alias=stranger, role=role, communities=[uuid4()] if service == "events" else None
    )
    if service == "forum" and role in ("member", "consultant"):
        name = {"name": f"Moss {stranger.hex[:8]}"} if role == "member" else {}
        if role == "consultant":
            letters = "".join(chr(97 + byte % 26) for byte in stranger.bytes)
            headers = here.issuer.bearer(service, alias=stranger, role=role, name=f"Kari {letters}")
        here.makes("forum", "/profile", name, headers=headers)
    theirs = called(here, service, endpoint, here.ids, headers=headers)
    nobodys = called(here, service, endpoint, nothing, headers=headers)
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text), "it shows that it exists"
    assert dict(theirs.headers) == dict(nobodys.headers)
    problem_of(theirs)
    assert theirs.status_code == (404 if role in TABLE[service][endpoint] else 403)
    tried.count("abuse", "things of others asked for")


def test_whose_it_is_can_use_it(here: Here) -> None:
    """The same calls by the owner succeed, so that the refusals above mean something."""
    refused = {}
    here.ask("POST", "forum", "/profile", json={}, role="consultant")
    make_things(here)  # other tests fuzz and cancel what is there
    for service, endpoint, role in OWNED:
        # Nothing that would end what other tests use.
        if role in TABLE[service][endpoint] and not endpoint.startswith(
            ("DELETE /posts", "POST /gatherings")
        ):
            answer = called(here, service, endpoint, here.ids, role=role)
            if not answer.is_success:
                refused[endpoint, role] = problem_of(answer)
    assert refused == NOT_NOW


def test_no_list_shows_what_a_page_would_not(here: Here) -> None:
    elsewhere = here.issuer.bearer("events", role="member", communities=[uuid4()])
    consultant = here.issuer.bearer("events", role="consultant", communities=[uuid4()])
    analyst = here.issuer.bearer("analytics", role="analyst")
    for service, path, headers in (
        ("events", "/gatherings?from=2020-01-01", elsewhere),
        ("events", f"/gatherings?after={here.ids['gathering_id']}", elsewhere),
        ("events", "/for-you", elsewhere),
        ("events", "/communities", consultant),
        ("analytics", "/studies", analyst),
        ("analytics", f"/studies?after={here.ids['study_id']}", analyst),
    ):
        answer = here.ask("GET", service, path, headers=headers)
        assert answer.json()["items"] == [], path


def test_planning_for_another_community_is_like_planning_for_none(here: Here) -> None:
    headers = here.issuer.bearer("events", role="consultant", communities=[uuid4()])
    plans = [PLAN | {"community_id": str(one)} for one in (here.communities[0], uuid4())]
    for plan in plans:
        plan.pop("reason")
    answers = [here.ask("POST", "events", "/gatherings", headers=headers, json=plan) for plan in plans]
    assert answers[0].status_code == 404
    assert answers[0].text == answers[1].text


def test_inviting_to_another_community_is_like_inviting_to_none(here: Here) -> None:
    other = here.run(here.identity.community("Elsewhere"))
    for role in ("consultant", "provider"):
        answers = [
            here.ask(
                "POST",
                "identity",
                "/invitations",
                role=role,
                json={"role": "member", "communities": [str(one)]},
            )
            for one in (other, uuid4())
        ]
        problem_of(answers[0])
        assert answers[0].text == answers[1].text


def test_somebody_elses_idempotency_key_makes_ones_own_thing(here: Here) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    made = []
    for alias in (uuid4(), uuid4()):
        bearer = here.issuer.bearer("forum", alias=alias)
        here.makes("forum", "/profile", {"name": f"Fern {alias.hex[:8]}"}, headers=bearer)
        thread = {"title": "Same", "wish": "listen", "body": "Same"}
        made.append(here.makes("forum", "/threads", thread, headers=bearer | key))
        another = thread | {"body": "Other"}
        reused = here.ask("POST", "forum", "/threads", json=another, headers=bearer | key)
        assert problem_of(reused) == "idempotency-key-reused"
        assert "Same" not in reused.text
    assert made[0]["id"] != made[1]["id"]


def test_everything_that_names_an_id_is_judged() -> None:
    named = {endpoint for endpoints in TABLE.values() for endpoint in endpoints if "{" in endpoint}
    assert {endpoint for _, endpoint, _ in OWNED} | FOR_EVERYBODY == named
    open_to_all = {e for endpoints in TABLE.values() for e, allowed in endpoints.items() if allowed == ANYONE}
    assert {endpoint for _, endpoint, _ in OWNED}.isdisjoint(open_to_all)
