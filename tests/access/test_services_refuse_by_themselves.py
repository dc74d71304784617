"""Each service holds the table itself, whatever tokens identity would give: here every role has one for it."""

import importlib
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from tests.access.calls import request_of
from tests.access.table import ANYONE, EVERYONE_SIGNED_IN, NOBODY, TABLE
from tests.engines import Engines
from tests.tokens import Issuer

REGION_FILE = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"


@pytest.mark.parametrize("service", ["forum", "events", "notifications", "analytics"])
async def test_a_role_outside_the_table_is_refused_even_with_a_valid_token(
    engines: Engines, service: str
) -> None:
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        region_file=REGION_FILE,
        database_url=SecretStr(await engines.database(service)),
        redis_url=SecretStr(engines.redis_url(service)),
        identity_url="http://identity.invalid",
        secret=SecretStr("for tests, thirty-two bytes at least"),
        relay=False,
        consumers=False,
    )
    issuer = Issuer()
    app = importlib.import_module(f"services.{service}.app").create_app(
        settings, fetch_keys=issuer.fetch_keys
    )
    wrong = []
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        for endpoint, allowed in TABLE[service].items():
            for role in (NOBODY, *sorted(EVERYONE_SIGNED_IN)):
                bearer = {} if role == NOBODY else issuer.bearer(service, role=role, communities=[uuid4()])
                answer = await client.request(**request_of(endpoint, bearer))
                refused = {NOBODY: 401}.get(role, 403)
                if (answer.status_code == refused) == (role in allowed) and allowed != ANYONE:
                    wrong.append((endpoint, role, answer.status_code))
    assert not wrong
