"""`make federation`: two regions by one command, with one forum. What it withstands: tests/federation."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.embedded import guard
from deploy.embedded.processes import Known, Register
from deploy.embedded.supervisor import UNFINISHED_REBUILD
from deploy.federation.neighbours import mirrored_topics
from deploy.federation.running import folder_of
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings
from tests.federation.records import topics_of
from tests.federation.regions import other_than
from tests.people import PASSPHRASE, People, Person, a_name, eventually
from tests.region.running import ROOT, START_SECONDS, STOP_SECONDS
from tests.web.browser import Browser

pytestmark = pytest.mark.timeout(600)
MIRRORED_SECONDS = 120  # until MirrorMaker has started on a loaded machine


@dataclass
class OneOfTwo:
    """A region as tests.people takes it."""

    data: Path

    @property
    def engines(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "engines.json").read_text())
        return found

    @property
    def url(self) -> str:
        return str(self.engines["gateway"])


@dataclass
class Federation:
    """Both regions, and the command that runs them."""

    data: Path
    process: subprocess.Popen[bytes]
    north: OneOfTwo
    south: OneOfTwo

    @property
    def said(self) -> str:
        return self.data.with_suffix(".output").read_text()

    def does(self, *words: str, status: int = 0) -> str:
        """What `peercafe federation …` prints."""
        command = [
            sys.executable,
            "-m",
            "deploy.command.main",
            "federation",
            *words,
            "--data",
            str(self.data),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def registers(self) -> list[Register]:
        return [Register(one.data / "processes.json") for one in (self.north, self.south)]


@pytest.fixture
def federation() -> Iterator[Federation]:
    home = Path(tempfile.mkdtemp(prefix="peercafe-federation-"))
    data = home / "data"
    north, south = (OneOfTwo(folder_of(data, name)) for name in ("north", "south"))
    harness = Register(home / "harness.json")
    registers = [Register(one.data / "processes.json") for one in (north, south)]
    watching = guard.watch(home, harness, *registers)
    with data.with_suffix(".output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.command.main", "federation", "run", "--port", "0", "--data", data],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    harness.add(Known("federation", process.pid, psutil.Process(process.pid).create_time()))
    both = Federation(data, process, north, south)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops everything" not in both.said:
            assert process.poll() is None, f"ended while starting:\n{both.said}"
            assert time.monotonic() < deadline, f"did not start:\n{both.said}"
            time.sleep(0.1)
        yield both
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)
        assert watching.stdin is not None
        watching.stdin.close()
        watching.wait(60)


async def a_member(people: People, like: str) -> Person:
    operator = await people.operator()
    community = await people.community(operator)
    consultant = await operator.invites("consultant", [community], name=a_name("Kari"))
    return await consultant.invites("member", [community], forum_name=like)


async def read_by(person: Person, thread: dict[str, Any], *, seconds: float) -> httpx.Response:
    """The thread's page, as soon as it is there."""
    return await eventually(
        lambda: person.asks("GET", "forum", f"/threads/{thread['id']}"),
        lambda answer: answer.status_code == 200,
        seconds=seconds,
    )


def mirror_maker(region: OneOfTwo) -> psutil.Process:
    [pid] = [one.pid for one in Register(region.data / "processes.json").read() if one.name == "mirror-maker"]
    return psutil.Process(pid)


async def confirmed(people: People, receipt: str) -> list[tuple[str, bool]]:
    """The other regions, and whether each has said that it erased what a receipt is about."""
    told = (await people.http.post("/api/identity/receipts/look", json={"receipt": receipt})).json()
    [erasure] = [one["erasure_id"] for one in told["services"] if one["service"] == "forum"]
    if erasure is None:
        return []
    asked = await people.http.post("/api/forum/erasures/look", json={"erasure_id": erasure})
    return [(one["region"], one["confirmed_on"] is not None) for one in asked.json()["regions"]]


def on_the_page(region: OneOfTwo, receipt: str, language: str) -> str:
    """What whoever erased reads."""
    browser = Browser(region.url, language)
    browser.open("/receipt")
    browser.press({"en": "Look", "nb": "Se etter"}[language], receipt=receipt)
    browser.http.close()
    return browser.page.text


async def test_two_regions_share_a_forum_and_say_how_their_links_are(federation: Federation) -> None:
    for one in (federation.north, federation.south):
        assert f"is open at {one.url}" in federation.said
        assert await topics_of(KafkaSettings(bootstrap_servers=one.engines["kafka"])) == {
            topic.name for topic in (*CATALOGUE, *mirrored_topics([other_than(one.data.name)]))
        }
    async with People(federation.north) as north, People(federation.south) as south:  # type: ignore[arg-type]
        anna, berit = await a_member(north, "Heather"), await a_member(south, "Juniper")
        opening = {"title": "Mornings", "wish": "listen", "body": "They are long."}
        thread = await anna.makes("forum", "/threads", opening)
        await read_by(berit, thread, seconds=MIRRORED_SECONDS)
        willow = await a_member(north, "Willow")
        await read_by(berit, await willow.makes("forum", "/threads", opening), seconds=MIRRORED_SECONDS)

        federation.does("link", "north", "stop", "--region", "south")
        assert "link stopped" in federation.does("status", "--region", "south", status=1)
        receipt = (await willow.makes("identity", "/me/erasure", {"passphrase": PASSPHRASE}))["receipt"]
        mirror_maker(federation.north).kill()  # it is started again, without anybody asking
        late = await anna.makes("forum", "/threads", opening)
        answered = await berit.makes("forum", f"/threads/{thread['id']}/posts", {"body": "Mine are too."})

        async def waiting() -> int:
            status = await asyncio.to_thread(federation.does, "status", "--json", status=1)
            [link] = json.loads(status)["south"]
            return sum(topic["records"] for topic in link["topics"] if topic["topic"].endswith("posts.v1"))

        assert await eventually(waiting, lambda records: records > 0) >= 1
        assert (await berit.asks("GET", "forum", f"/threads/{late['id']}")).status_code == 404

        await eventually(lambda: confirmed(north, receipt), lambda told: told == [("south", False)])
        told = await asyncio.to_thread(on_the_page, federation.north, receipt, "en")
        assert "Peercafe South: it hasn’t told us yet." in told
        federation.does("link", "north", "start", "--region", "south")
        await read_by(berit, late, seconds=MIRRORED_SECONDS)
        await eventually(
            lambda: anna.reads("forum", f"/threads/{thread['id']}"),
            lambda page: answered["id"] in [post["id"] for post in page["posts"]],
            seconds=MIRRORED_SECONDS,
        )
        await eventually(
            lambda: confirmed(north, receipt),
            lambda told: told == [("south", True)],
            seconds=MIRRORED_SECONDS,
        )
        told = await asyncio.to_thread(on_the_page, federation.north, receipt, "nb")
        assert "Peercafe Sør: slettet der også; det fikk vi vite" in told

    federation.process.send_signal(signal.SIGINT)
    assert federation.process.wait(STOP_SECONDS) == 0
    assert not [known for register in federation.registers() for known in register.read() if known.process()]

    rebuilt = federation.does("rebuild", "--region", "south")
    assert "north.shared.forum.posts.v1" in rebuilt
    assert "The forum is what its topics say." in rebuilt
    shutil.rmtree(federation.south.data / "kafka")
    assert "nothing is lost" in federation.does("rebuild", "--region", "south", status=1)
    assert not (federation.south.data / UNFINISHED_REBUILD).exists()
