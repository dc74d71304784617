"""The gateway: where requests go, what is dropped, what is refused, and what it answers by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from deploy.gateway.fallback import Fallback
from deploy.gateway.limits import EdgeLimits
from deploy.gateway.router import Gateway
from deploy.gateway.settings import GatewaySettings
from shared.region import load_region
from tests.people import eventually

NORTH = load_region(Path(__file__).parents[2] / "deploy" / "regions" / "north.toml")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def echo(name: str, seen: list[Scope]) -> object:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        request = Request(scope, receive)
        body = (await request.body()).decode()
        answer = {"app": name, "path": scope["path"], "root": scope["root_path"], "body": body}
        await JSONResponse(answer)(scope, receive, send)

    return app


@pytest.fixture
def seen() -> list[Scope]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway(seen: list[Scope], clock: Clock) -> Gateway:
    gateway = Gateway(Fallback(NORTH), EdgeLimits(now=clock))
    gateway.services = {"forum": echo("forum", seen), "identity": echo("identity", seen), "events": None}  # type: ignore[dict-item]
    gateway.web = echo("web", seen)  # type: ignore[assignment]
    return gateway


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(gateway.public, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
        yield client


async def test_each_path_goes_to_its_service_and_the_rest_to_web(client: httpx.AsyncClient) -> None:
    async def where(path: str) -> tuple[str, str]:
        answer = (await client.get(path)).json()
        return answer["app"], answer["root"]

    assert await where("/api/forum/threads") == ("forum", "/api/forum")
    assert await where("/") == ("web", "")
    assert await where("/api/docs") == ("web", "")
    assert await where("/api/docs/") == ("web", "")
    assert await where("/apiforum") == ("web", "")
    unknown = await client.get("/api/nothing/x")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"


async def test_how_a_service_is_doing_is_not_for_everybody(
    client: httpx.AsyncClient, seen: list[Scope]
) -> None:
    for place in ("", "/api/forum", "/api/identity", "/api/web", "/api/nothing"):
        for path in ("/health/ready", "/health/live", "/health", "/metrics", "/metrics/", "/%6Detrics"):
            assert (await client.get(place + path)).status_code == 404
    assert seen == []
    assert (await client.get("/metricsandmore")).status_code == 200


async def test_a_service_that_has_not_started_is_not_there_now(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events/gatherings")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/not-now"
    assert answer.headers["retry-after"]


async def test_trace_correlation_and_forwarding_headers_and_the_address_end_here(
    client: httpx.AsyncClient, seen: list[Scope]
) -> None:
    dropped = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "TraceState": "a=b",
        "baggage": "person=1",
        "X-Request-Id": "1",
        "x-correlation-id": "1",
        "Forwarded": "for=198.51.100.1",
        "X-Forwarded-For": "198.51.100.1",
        "x-forwarded-proto": "https",
        "X-Real-IP": "198.51.100.1",
        "X-B3-TraceId": "1",
    }
    await client.get("/api/forum/threads", headers={**dropped, "Authorization": "Bearer x"})
    names = {name.decode().lower() for name, _ in seen[0]["headers"]}
    assert names.isdisjoint({name.lower() for name in dropped})
    assert "authorization" in names
    assert seen[0]["client"] is None


async def test_a_body_over_the_limit_is_refused_announced_or_not(
    client: httpx.AsyncClient, seen: list[Scope]
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"a" * 1024

    for body in (b"a" * (64 * 1024 + 1), chunks()):
        answer = await client.post("/api/forum/threads", content=body)
        assert answer.status_code == 413
        assert answer.json()["type"] == "/problems/too-large"
    assert seen == []
    whole = await client.post("/api/forum/threads", content=b"a" * 64 * 1024)
    assert len(whole.json()["body"]) == 64 * 1024


async def test_web_forms_may_be_larger_since_letters_grow_in_them(client: httpx.AsyncClient) -> None:
    assert (await client.post("/write", content=b"a" * 200 * 1024)).status_code == 200
    assert (await client.post("/write", content=b"a" * 300 * 1024)).status_code == 413


async def test_an_address_has_400_requests_at_once_and_100_a_second(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    for _ in range(400):
        assert (await client.get("/api/forum/threads")).status_code == 200
    refused = await client.get("/api/forum/threads")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    page = await client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 429
    assert "Please wait" in page.text
    clock.now += 1
    for _ in range(100):
        assert (await client.get("/api/forum/threads")).status_code == 200
    assert (await client.get("/api/forum/threads")).status_code == 429


async def test_joining_and_signing_in_share_60_at_once_and_120_a_minute(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    paths = ["/api/identity/members", "/api/identity/sessions", "/join", "/sign-in", "/recover"]
    for number in range(60):
        assert (await client.post(paths[number % len(paths)])).status_code == 200
    for path in paths:
        assert (await client.post(path)).status_code == 429
    assert (await client.get("/api/forum/threads")).status_code == 200, "everything else goes on"
    clock.now += 0.5
    assert (await client.post("/sign-in")).status_code == 200
    assert (await client.post("/sign-in")).status_code == 429


async def test_one_address_does_not_limit_another_and_the_inner_listener_none(gateway: Gateway) -> None:
    async def status(app: object, address: str) -> int:
        transport = httpx.ASGITransport(app, client=(address, 1))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
            return (await client.post("/sign-in")).status_code

    for _ in range(60):
        await status(gateway.public, "2001:db8:0:1::1")
    assert await status(gateway.public, "2001:db8:0:2::1") == 429, "one household is one subscriber"
    assert await status(gateway.public, "2001:db8:0:100::1") == 200
    assert {await status(gateway.inner, "127.0.0.1") for _ in range(70)} == {200}


class Slow:
    """A service whose answers come when all may; counts whom it is at work for."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_work += 1
        if scope["path"] != "/quick":
            await self.may_go_on.wait()
        await JSONResponse({})(scope, receive, send)

    async def works_for(self) -> int:
        return self.at_work


async def test_one_address_has_eight_places_of_work_and_others_are_answered_meanwhile(
    gateway: Gateway,
) -> None:
    gateway.web = slow = Slow()

    async def status(address: str, path: str) -> int:
        transport = httpx.ASGITransport(gateway.public, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
            return (await client.get(path)).status_code

    async with asyncio.TaskGroup() as asking:
        greedy = [asking.create_task(status(f"2001:db8::{n:x}", "/slow")) for n in range(20)]
        await eventually(slow.works_for, lambda found: found == 8)
        late = asking.create_task(status("2001:db8::1", "/quick"))
        assert await status("2001:db8:0:100::1", "/quick") == 200
        assert slow.at_work == 8 + 1, "who has asked since waits for their turn"
        assert not late.done()
        slow.may_go_on.set()
    assert {task.result() for task in (*greedy, late)} == {200}, "and nobody is refused"
    assert slow.at_work == 20 + 2


async def test_of_an_address_so_much_waits_and_no_more(clock: Clock) -> None:
    settings = GatewaySettings(work_per_address=2, connections_per_address=3)
    gateway = Gateway(Fallback(NORTH), EdgeLimits(now=clock), settings)
    gateway.web = slow = Slow()
    transport = httpx.ASGITransport(gateway.public, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
        async with asyncio.TaskGroup() as asking:
            tasks = [asking.create_task(client.get("/slow")) for _ in range(2 + 3)]
            await eventually(slow.works_for, lambda found: found == 2)
            refused = await client.get("/quick")
            tasks[0].cancel()
            tasks[-1].cancel()
            slow.may_go_on.set()
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert [task.result().status_code for task in tasks[1:-1]] == [200] * 3
        assert (await client.get("/quick")).status_code == 200, "places of those who went are free again"


async def test_who_takes_their_time_over_an_answer_holds_no_place_of_work(clock: Clock) -> None:
    gateway = Gateway(Fallback(NORTH), EdgeLimits(now=clock), GatewaySettings(work_per_address=1))
    gateway.web = slow = Slow()
    begun, taken = asyncio.Event(), asyncio.Event()

    async def nothing_more() -> Message:
        raise AssertionError("the body was all")

    async def takes_time(_message: Message) -> None:
        begun.set()
        await taken.wait()

    scope = {
        "type": "http", "method": "GET", "path": "/quick", "headers": [], "client": ("192.0.2.7", 1),
    }  # fmt: skip
    async with asyncio.TaskGroup() as asking:
        asking.create_task(gateway.public(scope, nothing_more, takes_time))
        await begun.wait()
        transport = httpx.ASGITransport(gateway.public, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://region.test") as client:
            assert (await client.get("/quick")).status_code == 200
        taken.set()
    assert slow.at_work == 2


async def test_help_and_leaving_stay_up_when_web_is_down(gateway: Gateway, client: httpx.AsyncClient) -> None:
    gateway.web = None
    page = await client.get("/help")
    assert page.status_code == 200
    for number in ("113", "116 117", "116 123", "22 40 00 40"):
        assert number in page.text
    assert "Trenger du hjelp nå?" in page.text
    left = await client.post("/leave", headers={"Origin": "http://region.test"})
    assert left.status_code == 200
    assert left.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert "Vafler" in left.text
    assert "Peercafe" not in left.text
    assert (await client.get("/leave")).text == left.text
    assert (await client.post("/leave", headers={"Origin": "https://elsewhere.test"})).status_code == 403
    away = await client.get("/", headers={"Accept": "text/html"})
    assert away.status_code == 503
    assert "116 123" in away.text


async def test_a_failing_app_tells_nothing(gateway: Gateway, client: httpx.AsyncClient) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a member's text")

    gateway.services["forum"] = broken
    answer = await client.get("/api/forum/threads")
    assert answer.status_code == 500
    assert "member's text" not in answer.text
    assert answer.json()["type"] == "/problems/unexpected"
