"""A small example in one language: a community, a peer consultant, three members, threads and a café."""

import asyncio
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import ascii_uppercase
from typing import Any
from uuid import uuid4

from deploy.operators import Operator
from deploy.operators import Refused as RefusedOperator
from replay.gateway import Gateway, Refused
from replay.people import Person, read_texts
from shared import clock

EXAMPLE = tomllib.loads((Path(__file__).parent / "example.toml").read_text("utf-8"))
KNOWN_TRIES = 60


@dataclass
class Example:
    """Who signs in for the pictures, and what they look at."""

    consultant: Person
    member: Person
    invitation: str  # still open, for the pictures of joining
    thread: str
    cafe: str


async def filled(gateway: Gateway, operator: Operator, language: str) -> Example:
    """Everything made anew; names that are taken by an earlier run get a number."""
    told = EXAMPLE[language]
    community = _community(operator, told["community"], told["area"])
    consent = await read_texts(gateway)

    async def joined(role: str, *names: str) -> Person:
        code = await _invitation(operator, role, community)
        return await Person.join(gateway, consent, code, language=language, display_names=names)

    first_name = told["consultant"]
    consultant = await joined(
        "consultant", first_name, *(f"{first_name} {letter}" for letter in ascii_uppercase)
    )
    members = [await joined("member") for _ in told["names"]]
    for member, name in zip(members, told["names"], strict=True):
        await _take_name(member, name)
    first = ""
    for thread in reversed(told["threads"]):  # the one on top is written last
        first = await _write(members, consultant, thread)
    cafe = await _plan(consultant, community, told)
    return Example(consultant, members[0], await _invitation(operator, "member", community), first, cafe)


def _community(operator: Operator, name: str, area: str) -> str:
    try:
        return operator.add_community(name, area)
    except RefusedOperator:  # an earlier run made it
        return operator.add_community(f"{name} {uuid4().hex[:3]}", area)


async def _invitation(operator: Operator, role: str, community: str) -> str:
    """A code. Identity hears of a new community over the bus, so the first may take a moment."""
    for _ in range(KNOWN_TRIES):
        try:
            return operator.invite(role, [community])[0]
        except RefusedOperator:
            await asyncio.sleep(0.25)
    return operator.invite(role, [community])[0]


async def _take_name(member: Person, name: str) -> None:
    for number in ("", *(f" {number}" for number in range(2, 40))):
        try:
            await member.call("forum", "POST", "/profile", json={"name": name + number})
        except Refused as refused:
            if refused.slug != "name-taken":
                raise
        else:
            return


async def _write(members: list[Person], consultant: Person, thread: dict[str, Any]) -> str:
    body = {name: thread[name] for name in ("title", "wish", "body")}
    opened = await members[thread["writer"]].call("forum", "POST", "/threads", key=str(uuid4()), json=body)
    for writer, words in thread["replies"]:
        person = consultant if writer == "consultant" else members[writer]
        path = f"/threads/{opened['id']}/posts"
        await person.call("forum", "POST", path, key=str(uuid4()), json={"body": words})
    return str(opened["id"])


async def _plan(consultant: Person, community: str, told: dict[str, Any]) -> str:
    cafe = told["cafe"]
    body = {
        **{name: cafe[name] for name in ("title", "way_there", "toilet", "met_by", "place")},
        "community_id": community,
        "area": told["area"],
        "starts": f"{clock.today('Europe/Oslo') + timedelta(days=3):%Y-%m-%d}T18:00",
        "zone": "Europe/Oslo",
        "step_free": True,
        "prompt_text": cafe["prompt"],
    }
    made = await consultant.call("events", "POST", "/gatherings", key=str(uuid4()), json=body)
    return str(made["ids"][0])
