"""Plays the plan through the services' HTTP API, one thing at a time, and waits for all that follows from it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared import clock
from tests.people import PASSPHRASE, Person
from tests.unlinkability.canaries import Canaries
from tests.unlinkability.cast import Cast, Member
from tests.unlinkability.nights import NIGHTS
from tests.unlinkability.plan import LEAVERS, MEMBERS, ZONE, Plan, Visit
from tests.unlinkability.settling import Settling
from tests.unlinkability.stage import Stage, staged

# Places: what a service's tables say, and all that its cluster has on disk.
FORUM, EVENTS, IDENTITY, ANALYTICS = (
    (f"tables {service}", f"postgres {service}") for service in ("forum", "events", "identity", "analytics")
)
COMMUNITIES = "kafka local.events.communities.v1"
DAY_SECONDS = 86_400.0
FIRST_PAGE = 0.4  # of those who read: with For you and what is waiting


def on(kind: str) -> str:
    """A forum topic's place."""
    return f"kafka shared.forum.{kind}.v1"


@dataclass
class Scenario:
    """What was played: who is who (`members`), what was typed (`canaries`), and when.

    `moves`: real → played time; `cafe_acts`: events' table, café and alias → when that row's member last acted.
    `studies`: the first has all sources; the others ask who belongs to the communities and nothing else, so that the
    order in which a month's new members are told, drawn for each study, isn't judged by one draw.
    """

    stage: Stage
    cast: Cast
    plan: Plan
    canaries: Canaries = field(default_factory=Canaries)
    members: dict[int, Member] = field(default_factory=dict)
    left: list[Member] = field(default_factory=list)
    moves: list[tuple[float, datetime]] = field(default_factory=list)
    cafe_acts: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    communities: list[str] = field(default_factory=list)
    cafes: dict[int, str] = field(default_factory=dict)
    studies: list[UUID] = field(default_factory=list)

    @property
    def study(self) -> UUID:
        """The one with all sources."""
        return self.studies[0]

    async def play(self, settling: Settling) -> None:
        """From the founding to the present."""
        self.settling = settling
        await self._found()
        for visit in self.plan.visits:
            await self._move_to(visit.at)
            await self._happens(visit)
            await settling.settle()
        await self._move_to(datetime.now(UTC))

    async def _move_to(self, at: datetime) -> None:
        """Let time pass, and with it what the switchboard holds: first what is due in a minute, then in an hour."""
        for table, later in (("notices_held", timedelta(minutes=1)), ("acts_held", timedelta(hours=1))):
            stop = self.stage.time.at + later
            if stop < at and await self.settling.held(table, stop):
                await self._move(stop)
                await self.settling.released(table, stop - later / 2)
                await self.settling.settle()
        tables = [table for table in ("notices_held", "acts_held") if await self.settling.held(table, at)]
        await self._move(at)
        for table in tables:
            await self.settling.released(table, at - timedelta(hours=1))
        if tables:
            await self.settling.settle()

    async def _move(self, at: datetime) -> None:
        at = at.astimezone(UTC)
        await self._forget_in_redis(at - self.stage.time.at)
        self.stage.time.at = at
        self.moves.append((time.time(), at))

    async def _forget_in_redis(self, passed: timedelta) -> None:
        # Redis tells expiry by the real time, of which hardly any passes.
        from redis.asyncio import Redis

        async with Redis.from_url(self.stage.redis_url) as redis:
            for key in await redis.keys("*"):
                left = await redis.pttl(key)
                if 0 <= left <= passed / timedelta(milliseconds=1):
                    await redis.delete(key)
                elif left > 0:
                    await redis.pexpire(key, left - int(passed / timedelta(milliseconds=1)))

    async def _found(self) -> None:
        operator = await self.cast.first_operator()
        text = self.canaries.text
        for area in ("By the fjord", "In the valley"):
            named = {"name": text("community name", *EVENTS, *IDENTITY, COMMUNITIES), "area": area}
            made = await operator.makes("events", "/communities", named)
            self.communities.append(made["id"])
        await self.settling.settle()
        name = self.canaries.name("display name", *IDENTITY, *FORUM, on("profiles"))
        self.kari = await operator.invites("consultant", self.communities, name=name)
        analyst = await operator.invites("analyst")
        for number in range(NIGHTS):
            proposal = {
                "title": text("study title", *ANALYTICS),
                "communities": self.communities,
                "ends_on": (datetime.now(UTC) + timedelta(days=30)).date().isoformat(),
            } | ({"sources": ["membership"]} if number else {})
            study = await analyst.makes("analytics", "/studies", proposal)
            await operator.makes("analytics", f"/studies/{study['id']}/approval")
            self.studies.append(UUID(study["id"]))
        await self.settling.settle()

    async def _happens(self, visit: Visit) -> None:
        if visit.act == "cafe":
            await self._kari_plans(visit.what)
            return
        member = self.members.get(visit.who) or await self._joins(visit.who)
        await member.comes()
        if visit.act in ("answer", "check-in"):
            await member.token("events")
        else:
            await member.token("forum")
        match visit.act:
            case "arrive":
                await self._reads(member, 0.0)
            case "thread":
                await self._opens_thread(visit.who, member.person)
            case "reply":
                await self._replies(visit.who, member.person, visit.luck)
            case "read":
                await self._reads(member, visit.luck)
            case "answer":
                await self._answers(member.person, self.cafes[visit.what], visit.luck)
                self._note("answers", visit, member)
            case "leave":
                await self._leaves(visit.who)
            case "check-in":
                await self._checks_in(member.person, self.cafes[visit.what])
                self._note("check_ins", visit, member)

    def _note(self, table: str, visit: Visit, member: Member) -> None:
        self.cafe_acts[table, self.cafes[visit.what], str(member.aliases["events"])] = visit.at.astimezone(
            UTC
        )

    async def _joins(self, who: int) -> Member:
        community = self.communities[who % 2]
        await self._kari_comes()
        person = await self.kari.invites("member", [community])
        member = Member(self.cast, who, person, community, signed_in=self.stage.time.at.timestamp())
        self.members[who] = member
        await member.token("forum")
        places = FORUM if who in LEAVERS else (*FORUM, on("profiles"))  # a name stays reserved
        name = self.canaries.name("forum name", *places)
        await person.makes("forum", "/profile", {"name": name})
        return member

    def _words(self, who: int, field: str, kind: str) -> str:
        """A text in the forum. Of those who have left by the end only the pages on disk may still have it."""
        places = FORUM[1:] if who in LEAVERS else (*FORUM, on(kind))
        return self.canaries.text(field, *places)

    async def _kari_comes(self) -> None:
        self.kari = await self.cast.sign_in(self.kari.sign_in_name)

    async def _thread(self, person: Person, luck: float) -> dict[str, Any] | None:
        items = (await person.reads("forum", "/threads", limit=30))["items"]
        listed = [thread for thread in items if not thread["removed"]]
        if not listed:
            return None
        # Newer threads are likelier to be opened.
        chosen = listed[int(luck * luck * len(listed))]
        page: dict[str, Any] = await person.reads("forum", f"/threads/{chosen['id']}")
        return page

    async def _reads(self, member: Member, luck: float) -> None:
        if luck < FIRST_PAGE:  # the others come by a thread's address
            await member.composes_a_page()
        person = member.person
        page = await self._thread(person, luck)
        if page:
            await person.puts("forum", f"/threads/{page['id']}/read-mark", {"upto": page["posts"][-1]["id"]})

    async def _opens_thread(self, who: int, person: Person) -> None:
        title = self._words(who, "thread title", "threads")[:118]
        body = self._words(who, "thread body", "posts")
        await person.makes("forum", "/threads", {"title": title, "wish": "listen", "body": body})
        await person.reads("forum", "/search", q=self.canaries.text("search"))

    async def _replies(self, who: int, person: Person, luck: float) -> None:
        page = await self._thread(person, luck)
        if page is None:
            await self._opens_thread(who, person)
            return
        path = f"/threads/{page['id']}"
        reply = await person.makes("forum", f"{path}/posts", {"body": self._words(who, "reply", "posts")})
        await person.puts("forum", f"{path}/read-mark", {"upto": reply["id"]})

    async def _kari_plans(self, cafe: int) -> None:
        await self._kari_comes()
        text = self.canaries.text
        body = {
            "community_id": self.communities[self.plan.community_of_cafe(cafe)],
            "starts": f"{self.plan.cafe_days[cafe]}T18:00",
            "zone": ZONE.key,
            "step_free": True,
        } | {
            name: text(f"café {name}", *EVENTS)
            for name in ("title", "area", "way_there", "toilet", "met_by", "place", "prompt_text")
        }
        self.cafes[cafe] = (await self.kari.makes("events", "/gatherings", body))["ids"][0]
        past = [self.cafes[one] for one in self.cafes if self.plan.cafe_days[one] < clock.today(ZONE.key)]
        for one in past[-1:]:
            await self.kari.puts("events", f"/gatherings/{one}/head-count", {"members": 5})

    async def _answers(self, person: Person, cafe: str, luck: float) -> None:
        wish = "come" if luck < 0.7 else "maybe" if luck < 0.85 else "not-this-time"
        await person.reads("events", f"/gatherings/{cafe}")
        await person.puts("events", f"/gatherings/{cafe}/answer", {"answer": wish})
        if luck < 0.3:
            named = {"name": self.canaries.text("name to be called by")[:60]}
            await person.puts("events", f"/gatherings/{cafe}/name", named)

    async def _checks_in(self, person: Person, cafe: str) -> None:
        await self._kari_comes()
        code = (await self.kari.reads("events", f"/gatherings/{cafe}/code"))["code"]
        await person.makes("events", f"/gatherings/{cafe}/check-in", {"code": code})

    async def _leaves(self, who: int) -> None:
        member = self.members.pop(who)
        for audience in ("events", "notifications"):
            await member.token(audience)
        participants = await self.cast.participants("forum", [member.aliases["forum"]])
        enrolled = await self.cast.study_aliases(self.study)
        for source, alias in enrolled[participants[member.aliases["forum"]]].items():
            member.aliases[f"analytics:{source}"] = alias
        await member.person.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE})
        self.left.append(member)

    async def types_in_vain(self) -> None:
        """Refused words are kept nowhere: wrong sign-ins, requests that don't fit, recoveries of nobody."""
        text, http = self.canaries.text, self.cast.http
        await self.members[0].comes()
        person = self.members[0].person
        sign_in = {
            "sign_in_name": text("wrong sign-in"),
            "passphrase": text("wrong passphrase"),
            "client_id": "app",
        }
        await http.post("/api/identity/sessions", json=sign_in)
        await http.post("/api/identity/invitations/look", json={"invitation": text("invitation")[:60]})
        lost = {
            "sign_in_name": text("lost name"),
            "recovery_code": text("code")[:40],
            "new_passphrase": text("new"),
        }
        await http.post("/api/identity/recoveries", json=lost)
        for service, path in (
            ("forum", "/threads"),
            ("forum", "/profile"),
            ("events", f"/gatherings/{uuid4()}/answer"),
        ):
            unfit = {text("unknown field"): text("refused value"), "title": text("refused title")}
            for method in ("POST", "PUT"):
                key = {"Idempotency-Key": text("idempotency key")[:100]}
                await person.asks(method, service, path, json=unfit, headers=key)


@asynccontextmanager
async def played(today: datetime) -> AsyncIterator[Scenario]:
    """The whole scenario, its services still running."""
    plan = Plan(today.astimezone(ZONE).date())
    founding = datetime.combine(plan.first_day, datetime.min.time(), ZONE).replace(hour=6).astimezone(UTC)
    with clock.stopped_at(founding) as settable:
        async with staged(settable) as stage, Settling(stage) as settling, Cast(stage) as cast:
            scenario = Scenario(stage, cast, plan)
            await scenario.play(settling)
            await scenario.types_in_vain()
            stage.idle += DAY_SECONDS  # keep-alives fall due: by them segments roll
            await settling.settle()
            assert not await settling.held("endings_due", datetime.max.replace(tzinfo=UTC))
            assert len(scenario.members) == MEMBERS
            yield scenario
