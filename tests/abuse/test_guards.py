"""The guards themselves, one at a time out of the way: whoever attacks must report it.

Each attack is a test of this suite, run as it stands against the real services with one thing broken. Passing here
means that the attack fails, for the reason it is there for (tests/abuse/README.md keeps three of these failures).
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.embedded.connections import Connection, Connections
from deploy.gateway.fallback import Fallback
from deploy.gateway.limits import EdgeLimits
from deploy.gateway.router import Gateway
from services.events.policy.callers import Visitor as EventsVisitor
from services.events.use_cases import answers, gatherings
from services.forum import models
from services.forum.use_cases import replies, threads
from services.identity import queries
from services.identity.authentication import Authentication
from services.identity.errors import SignInFailed
from services.identity.passphrases import Passphrases
from services.identity.throttle import Throttle
from services.web import visits
from services.web.session import Held
from shared.auth import Claims, TokenVerifier
from shared.region import load_region
from tests import tried
from tests.abuse import (
    test_entrance,
    test_ownership,
    test_pages,
    test_races,
    test_raw_requests,
    test_slow_clients,
    test_texts,
    test_tokens,
    test_work_done,
)
from tests.abuse.services import REGION, Here
from tests.abuse.sockets import door
from tests.abuse.web import web_before

Patch = pytest.MonkeyPatch


def reported(attack: Callable[[], object], because: str) -> None:
    """The attack fails, and says why."""
    with pytest.raises(AssertionError) as failure:
        attack()
    assert because in str(failure.value), failure.value
    tried.count("abuse", "guards taken away")


def nothing(*_: object, **__: object) -> None:
    """What a guard that is off does."""


@contextmanager
def member(here: Here) -> Iterator[tuple[Gateway, test_pages.Visitor]]:
    """A member at the pages as they are now, guards or none."""
    web = web_before(here)
    visitor = test_pages.Visitor(here, web)
    yield web, test_pages.signed_in(here, visitor)
    here.run(visitor.http.aclose())


def edge_of(here: Here) -> Gateway:
    gateway = Gateway(Fallback(load_region(REGION)), EdgeLimits(now=test_entrance.Stopped()))
    gateway.services = dict(here.apps)
    return gateway


def test_forms_of_other_sites(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(visits, "require_own_origin", nothing)
    with member(here) as (_, visitor):
        reported(lambda: test_pages.test_another_sites_form_changes_nothing(here, visitor), "evil.example")


def test_session_fixation(here: Here, monkeypatch: Patch) -> None:
    keep = lambda self, session, role: Held(nonce=self.nonce, session=session, role=role)  # noqa: E731
    monkeypatch.setattr(Held, "signed_in", keep)
    web = web_before(here)
    visitor = test_pages.Visitor(here, web)
    attack = test_pages.test_a_cookie_from_before_sign_in_is_worth_nothing_after
    reported(lambda: attack(here, visitor, web), "a form token from before")
    here.run(visitor.http.aclose())


def test_templates_that_escape(here: Here) -> None:
    with member(here) as (web, visitor):
        site = web.web.state.site  # type: ignore[union-attr]
        for environment in vars(site.rendering)["_environments"].values():
            environment.autoescape = False
        reported(lambda: test_pages.test_what_is_stored_stays_text_on_every_page(here, visitor), "x-canary")


def test_redirects_without_a_host(here: Here) -> None:
    with member(here) as (web, visitor):
        web.web.router.redirect_slashes = True  # type: ignore[union-attr]
        reported(
            lambda: test_pages.test_a_redirect_stays_here_whatever_host_was_borrowed(visitor), "evil.example"
        )


def test_the_sanitiser(here: Here, monkeypatch: Patch) -> None:
    for module in (models, replies, threads):
        monkeypatch.setattr(module, "render", lambda source: f"<p>{source}</p>")
    writer = here.issuer.bearer("forum", alias=(alias := uuid4()))
    here.makes("forum", "/profile", {"name": f"Larch {alias.hex[:8]}"}, headers=writer)
    attack = test_texts.test_a_script_in_a_post_comes_back_as_words
    reported(lambda: attack(here, writer, test_texts.SCRIPTS[0]), "<script>alert(1)</script>")


def test_the_algorithm_is_ours_to_choose(here: Here, monkeypatch: Patch) -> None:
    read = TokenVerifier._read

    async def trusting(self: TokenVerifier, token: str) -> Claims:
        header, payload, *_ = (*token.split("."), "", "")
        try:
            said = json.loads(base64.urlsafe_b64decode(header + "=="))
            if str(said["alg"]).lower() == "none":
                return self._claims(json.loads(base64.urlsafe_b64decode(payload + "==")))
        except (ValueError, KeyError, TypeError):
            pass
        return await read(self, token)

    monkeypatch.setattr(TokenVerifier, "_read", trusting)
    attack = test_tokens.test_no_forged_token_opens_a_door
    try:
        reported(lambda: attack(here, "forum"), "alg 'none': 200")
    finally:
        here.apps["forum"].state.verifier.forget()


def test_limits_by_address(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(EdgeLimits, "take", lambda *_: 0)
    attack = test_entrance.test_one_address_with_a_list_of_accounts_gets_sixty_tries
    reported(lambda: attack(here, edge_of(here), False), "401: 80")


def test_limits_by_account(here: Here, monkeypatch: Patch) -> None:
    async def admit(*_: object) -> None:
        """Everybody."""

    monkeypatch.setattr(Throttle, "_take", admit)
    attack = test_entrance.test_many_addresses_at_one_account_are_slowed_as_one
    reported(lambda: attack(here, edge_of(here)), "401: 40")


def test_what_is_whose(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(EventsVisitor, "is_of", lambda *_: True)
    attack = test_ownership.test_what_is_somebody_elses_answers_like_what_does_not_exist
    reported(
        lambda: attack(here, "events", "PUT /gatherings/{gathering_id}/answer", "member"),
        "it shows that it exists",
    )
    monkeypatch.undo()
    monkeypatch.setattr(models.Post, "require_author", nothing)
    reported(lambda: attack(here, "forum", "PUT /posts/{post_id}", "member"), "it shows that it exists")


def test_the_work_of_a_wrong_name(here: Here, monkeypatch: Patch) -> None:
    verify = Passphrases.verify

    async def soon(self: Passphrases, verifier: str | None, passphrase: str) -> bool:
        return False if verifier is None else await verify(self, verifier, passphrase)

    monkeypatch.setattr(Passphrases, "verify", soon)
    attack = test_work_done.test_signing_in_works_as_hard_for_nobody_as_for_somebody
    reported(lambda: attack(here, monkeypatch), "each name is worth the work")


def test_the_words_of_a_wrong_name(here: Here, monkeypatch: Patch) -> None:
    by_passphrase = Authentication.by_passphrase

    async def telling(self: Authentication, name: str, passphrase: str) -> Any:
        try:
            return await by_passphrase(self, name, passphrase)
        except SignInFailed:
            raise SignInFailed("Nobody is called that." if name.startswith("nobody") else None) from None

    monkeypatch.setattr(Authentication, "by_passphrase", telling)
    attack = test_entrance.test_the_same_passphrase_at_many_names_from_everywhere_finds_nothing_out
    reported(lambda: attack(here, edge_of(here)), "names that exist are told apart")


def test_invitations_are_looked_up_before_work(here: Here, monkeypatch: Patch) -> None:
    async def open_(*_: object) -> tuple[str, list[Any]]:
        return "member", []

    monkeypatch.setattr(queries, "open_invitation", open_)
    attack = test_work_done.test_a_guessed_invitation_costs_no_hashing_and_a_used_one_is_like_a_guessed_one
    reported(lambda: attack(here, monkeypatch), "a guess is worth no hashing")


def test_the_last_place(here: Here, monkeypatch: Patch) -> None:
    find = gatherings.find

    async def unlocked(session: Any, visitor: Any, gathering_id: Any, *, lock: bool = False) -> Any:
        return await find(session, visitor, gathering_id)

    monkeypatch.setattr(answers, "find", unlocked)
    reported(
        lambda: test_races.test_one_last_place_goes_to_one_guest(here), "the last place goes to one guest"
    )


def test_one_name_for_one_member(here: Here) -> None:
    sessions = here.apps["forum"].state.sessions

    async def change(*statements: str) -> None:
        async with sessions.begin() as session:
            for statement in statements:
                await session.execute(text(statement))

    here.run(change("ALTER TABLE names DROP CONSTRAINT names_pkey"))
    try:
        reported(
            lambda: test_races.test_one_forum_name_goes_to_one_member_however_it_is_spelled(here),
            "one name for one member",
        )
    finally:
        again = "DELETE FROM names a USING names b WHERE a.skeleton = b.skeleton AND a.ctid < b.ctid"
        here.run(change(again, "ALTER TABLE names ADD PRIMARY KEY (skeleton)"))


def test_one_request_at_a_time(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Connection, "_has_to_take", lambda _: False)
    with door(here, idle_seconds=0.5) as opened:
        reported(
            lambda: test_raw_requests.test_one_request_at_a_time_is_answered(here, opened),
            "questions behind a question",
        )


def test_trailers_say_nothing(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Connection, "on_header", HttpToolsProtocol.on_header)
    with door(here) as opened:
        attack = test_raw_requests.test_what_comes_behind_a_body_says_nothing_about_it
        reported(lambda: attack(here, opened), "a trailer was heard")


def test_answers_are_taken_in_time(here: Here, monkeypatch: Patch) -> None:
    await_taking = Connection._await_taking

    def anew(self: Connection) -> None:
        self._to_be_taken = False
        await_taking(self)

    monkeypatch.setattr(Connection, "_await_taking", anew)
    reported(
        lambda: test_slow_clients.test_an_answer_must_be_taken_in_its_time_not_in_sips(here),
        "it may go on taking little",
    )


def test_who_takes_little_is_waited_for(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Connection, "pause_writing", HttpToolsProtocol.pause_writing)
    reported(lambda: test_slow_clients.test_who_takes_little_gives_way(here), "assert 0 == 401")


def test_silent_sockets_give_way(here: Here, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Connections, "_make_way", lambda *_: False)
    reported(
        lambda: test_slow_clients.test_two_hundred_dripping_sockets_keep_no_member_out(here, 200), "0 == 201"
    )
