"""Every service's own OpenAPI, fuzzed with tokens of every role: never a fault of ours, always problem details."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests import tried
from tests.abuse.services import ROLES, SERVICES, Here, problem_of
from tests.access.table import TABLE

CASES = 16  # of each operation, sent by each role


def sent(case: Any, service: str) -> dict[str, Any]:
    """The generated case as httpx's `request` takes it, bytes as they would go over the wire."""
    kwargs = case.as_transport_kwargs(base_url=f"http://{service}")
    wire = requests.Request(**{name: value for name, value in kwargs.items() if name != "timeout"}).prepare()
    body = wire.body
    return {
        "method": wire.method,
        "url": wire.url,
        "content": body.encode() if isinstance(body, str) else body,
        "headers": [
            (
                name.encode("latin-1", "replace"),
                value if isinstance(value, bytes) else value.encode("latin-1", "replace"),
            )
            for name, value in wire.headers.items()
            if name.lower() not in ("authorization", "content-length", "accept-encoding")
        ],
    }


def cases_of(operation: Any, known: dict[str, str]) -> Any:
    """Good and bad cases, with ids of nothing and with ids of what exists."""
    ids = {name: value for name, value in known.items() if "{" + name + "}" in operation.path}
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    if ids:
        strategies += [operation.as_strategy(generation_mode=mode, path_parameters=ids) for mode in modes]
    return st.one_of(strategies)


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_of_any_role_is_a_fault_of_ours(here: Here, service: str) -> None:
    document = json.loads(here.ask("GET", service, "/openapi.json").text)
    schema = schemathesis.openapi.from_dict(document)
    answered: Counter[int] = Counter()

    def all_roles(case: Any) -> None:
        request = sent(case, service)
        for role in ROLES:
            bearer = [(b"authorization", value.encode()) for value in here.bearer(service, role).values()]
            answer: httpx.Response = here.run(
                here.clients[service].request(**request | {"headers": request["headers"] + bearer})
            )
            answered[answer.status_code] += 1
            assert answer.status_code < 500, f"{role}: {answer.status_code} {answer.text}"
            if answer.status_code >= 400:
                problem_of(answer)
            else:
                assert answer.status_code < 300, "nothing is redirected"

    for found in schema.get_all_operations():
        assert isinstance(found, Ok), "every operation's schema is readable"
        operation = found.ok()
        fuzz = settings(
            max_examples=CASES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )(given(case=cases_of(operation, here.ids_for(operation.path)))(all_roles))
        try:
            fuzz()
        except AssertionError as failed:
            failed.add_note(operation.label)
            raise
    calls = sum(answered.values())
    assert calls >= len(TABLE[service]) * len(ROLES)
    assert service == "notifications" or calls > CASES * len(ROLES) * len(TABLE[service]) / 2
    tried.count("abuse", "fuzzed calls", calls)
