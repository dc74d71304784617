"""The web client before the real services."""

import json

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette

from deploy.gateway.fallback import Fallback
from deploy.gateway.router import Gateway
from services.web.app import create_app
from services.web.settings import Settings
from shared.region import load_region
from tests.abuse.services import REGION, Here

URL = "https://region.test"


def web_before(here: Here) -> Gateway:
    """The web client over https, before the gateway, before the services."""
    return web_at(here, URL)[0]


def web_at(here: Here, url: str) -> tuple[Gateway, Starlette]:
    """A gateway and its web client, which believes to be reached at `url`; nothing listens."""
    gateway = Gateway(Fallback(load_region(REGION)))
    gateway.services = dict(here.apps)
    key = here.identity.web_key.as_dict(private=True)
    app = create_app(
        Settings(
            region_file=REGION, gateway_url="http://inner", public_url=url, client_key=SecretStr(json.dumps(key)),
            secret=SecretStr("a secret of this test only, long enough"),
        )
    )  # fmt: skip
    app.state.site.gateway._http = httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.inner), base_url="http://inner"
    )
    gateway.web = app
    return gateway, app
