"""Bodies, headers and addresses made to break a parser: each endpoint that takes a body gets each of them."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests import tried
from tests.abuse.services import SERVICES, Here, problem_of
from tests.access.calls import request_of
from tests.access.table import ANYONE, NOBODY, TABLE

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BODIES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "nothing": (b"", {"Content-Type": JSON}),
    "deep arrays": (b"[" * 60_000, {"Content-Type": JSON}),
    "deep arrays that close": (b"[" * 30_000 + b"]" * 30_000, {"Content-Type": JSON}),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {"Content-Type": JSON}),
    "a key that is no character": (b'{"\\ud800": 1}', {"Content-Type": JSON}),
    "values that are no character": (b'{"%s": "\\udfff\\ud800"}', {"Content-Type": JSON}),
    "a NUL in each": (b'{"%s": "a\\u0000b"}', {"Content-Type": JSON}),
    "not UTF-8": (b'{"%s": "\xff\xfe"}', {"Content-Type": JSON}),
    "UTF-16": (json.dumps({"a": 1}).encode("utf-16"), {"Content-Type": JSON}),
    "a number without end": (b'{"%s": ' + b"9" * 50_000 + b"}", {"Content-Type": JSON}),
    "not a number": (b'{"%s": NaN}', {"Content-Type": JSON}),
    "infinity": (b'{"%s": 1e400}', {"Content-Type": JSON}),
    "another type": (b'{"%s": {"$ne": ""}}', {"Content-Type": JSON}),
    "a list for all": (b'[{"%s": 1}]', {"Content-Type": JSON}),
    "null": (b"null", {"Content-Type": JSON}),
    "many keys": (json.dumps({str(n): n for n in range(5_000)}).encode(), {"Content-Type": JSON}),
    "the same key twice": (b'{"%s": 1, "%s": []}', {"Content-Type": JSON}),
    "packed small": (gzip.compress(b" " * 50_000_000), {"Content-Type": JSON, "Content-Encoding": "gzip"}),
    "deflated": (zlib.compress(b"{}" * 500_000), {"Content-Type": JSON, "Content-Encoding": "deflate"}),
    "XML": (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", {"Content-Type": "application/xml"}),
    "no type": (b'{"a": 1}', {}),
    "a type that is none": (b'{"a": 1}', {"Content-Type": b"application/json; charset=\xe5"}),
    "many form fields": (b"&".join(b"f%d=1" % n for n in range(5_000)), {"Content-Type": FORM}),
    "parts without end": (b"--b\r\n" * 5_000, {"Content-Type": "multipart/form-data; boundary=b"}),
    "parts without boundary": (b"--b\r\n", {"Content-Type": "multipart/form-data"}),
    "a part that is a file": (
        b'--b\r\nContent-Disposition: form-data; name="audience"; filename="../../x"\r\n\r\nz\r\n--b--\r\n',
        {"Content-Type": "multipart/form-data; boundary=b"},
    ),
}


def with_bodies(service: str) -> Iterator[tuple[str, str]]:
    """(endpoint, a role that may call it)."""
    for endpoint, allowed in TABLE[service].items():
        if endpoint.startswith(("POST", "PUT")):
            yield endpoint, NOBODY if allowed == ANYONE else min(allowed)


def fields_of(here: Here, service: str, endpoint: str) -> list[str]:
    """The names of a body's fields, by the service's own description."""
    method, _, path = endpoint.partition(" ")
    document = here.apps[service].openapi()
    content = document["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    names = [
        schema["schema"]["$ref"].rsplit("/", 1)[1]
        for schema in content.values()
        if "$ref" in schema["schema"]
    ]
    return [field for name in names for field in document["components"]["schemas"][name]["properties"]]


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "notifications"])
def test_no_body_breaks_an_endpoint(here: Here, service: str) -> None:
    sent = 0
    for endpoint, role in with_bodies(service):
        for what, (body, headers) in BODIES.items():
            fields = fields_of(here, service, endpoint) or ["body"] if b"%s" in body else [""]
            for field in fields:
                request = request_of(endpoint, {"Content-Type": "", **headers})
                request["content"] = body.replace(b"%s", field.encode())
                answer = here.ask(
                    request["method"], service, request["url"], role=role,
                    content=request["content"], headers=headers,
                )  # fmt: skip
                sent += 1
                if answer.is_error:
                    problem_of(answer)
                    # What is unpacked would be larger than what came.
                    assert len(answer.content) < 2 * len(body) + 2_000, (endpoint, what, "grows")
    assert sent > len(BODIES)
    tried.count("abuse", "hostile bodies", sent)


@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "k" * 10_000},
        {"Idempotency-Key": b"\xff\x00\xfe\x80 over eight"},
        {"Idempotency-Key": ""},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer " + "a." * 40_000},
        {"Accept": "image/png"},
        {"Accept-Language": "x" * 10_000},
        {"Range": "bytes=0-,0-,0-"},
        {"Transfer-Encoding": "gzip, chunked"},
    ],
)  # fmt: skip
def test_no_header_breaks_a_service(here: Here, headers: dict[str, Any]) -> None:
    for service in SERVICES:
        for endpoint, role in with_bodies(service):
            request = request_of(endpoint, {})
            answer = here.ask(
                request["method"], service, request["url"], role=role, content=b"{}",
                headers={"Content-Type": JSON} | headers,
            )  # fmt: skip
            if answer.is_error:
                problem_of(answer)


def test_no_address_leads_to_another_host(here: Here) -> None:
    """A redirect made from the Host header would take people, or a shared cache, to whoever wrote it."""
    hosts = ["evil.example", "evil.example:80", "localhost@evil.example", "evil.example/x", "a" * 5_000]
    for service in SERVICES:
        for endpoint in TABLE[service]:
            for path in (request_of(endpoint, {})["url"] + "/", "/" + request_of(endpoint, {})["url"]):
                for host in hosts:
                    answer = here.ask(endpoint.partition(" ")[0], service, path, headers={"Host": host})
                    assert "location" not in answer.headers, (service, endpoint, answer.headers["location"])
                    assert "evil" not in answer.text
                    problem_of(answer)


def test_queries_of_all_kinds_are_read_or_refused(here: Here) -> None:
    values = [
        "%00",
        "%ff%fe",
        "%F0%9F%98%80" * 50,
        "'--",
        "a" * 5_000,
        "-1",
        "1e9",
        "9" * 50,
        "%25",
        "\\",
        "(((",
        '"',
        "&|!",
    ]
    values += ["0001-01-01", "9999-12-31", "0000-00-00", "*:*", "a:*&b", "../..", "{{7*7}}", "${jndi:x}"]
    for service, path, names, role in (
        ("forum", "/search", ["q", "after", "limit"], "member"),
        ("forum", "/threads", ["after", "limit", "order", "unanswered"], "member"),
        ("events", "/gatherings", ["from", "after", "limit"], "member"),
        ("analytics", "/studies", ["after", "limit"], "operator"),
        ("identity", "/texts", ["language"], NOBODY),
        ("identity", "/sign-in-names", ["language"], NOBODY),
    ):
        for name in names:
            for value in values:
                answer = here.ask("GET", service, f"{path}?{name}={value}", role=role)
                if answer.is_error:
                    problem_of(answer)


def test_whoever_searches_for_anything_is_answered_before_the_database_ends_it(here: Here) -> None:
    """PostgreSQL ends what takes longer than a transaction may, and the answer would be 503."""
    for words in (
        "a " * 100,
        "a-" * 100,
        '"' * 200,
        "(" * 200,
        "é" * 200,
        "a&" * 100,
        "-a " * 66,
        "or " * 66,
    ):
        answer = here.ask("GET", "forum", "/search", role="member", params={"q": words})
        assert answer.status_code == 200, words[:10]
