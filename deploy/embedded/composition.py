"""Every service of a region with its settings: what only this package may know.

Services are imported when they are needed: importing all of them takes seconds.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from deploy.embedded.addresses import Addresses
from deploy.embedded.secrets import SERVICES, folder
from deploy.federation.neighbours import Federation
from shared.region import Words, load_region
from shared.settings import KafkaSettings

# Embedded, people watch: what crosses the switchboard is out within 2 and 20 seconds. Said at start and in
# docs/threat-model.md; every other deployment keeps a minute and an hour.
NOTICES_SECONDS = 1.0
ENGAGEMENT_SECONDS = 10.0
REGIONS = Path(__file__).parents[1] / "regions"


def load() -> None:
    """Import all services now, while something else is waited for."""
    for name in (*SERVICES, "web"):
        importlib.import_module(f"services.{name}.app")


def service_app(name: str, settings: Any) -> ASGIApp:
    """A service's composition root, applied."""
    app: ASGIApp = importlib.import_module(f"services.{name}.app").create_app(settings)
    return app


def settings_class(name: str) -> Any:
    """The service's Settings."""
    return importlib.import_module(f"services.{name}.settings").Settings


def service_settings(name: str, engines: Addresses, *, region: str, region_file: Path, inner: str) -> Any:
    """Settings of one service with a database; `inner` is the base URL of the gateway's inner listener."""
    given: dict[str, Any] = {
        "region": region,
        "region_file": region_file,
        "database_url": engines.database(name),
        "redis_url": engines.redis_of(name),
        "kafka": KafkaSettings(bootstrap_servers=engines.kafka),
        "identity_url": f"{inner}/api/identity",
        "secret": engines.secrets.service[name],
        "instance": "embedded",
    }
    if name == "identity":
        given |= _identity(engines)
    if name == "forum":
        given["neighbours"] = Federation.of(engines.data).regions
    return settings_class(name)(**given)


def web_settings(engines: Addresses, *, region_file: Path, inner: str) -> Any:
    """Settings of the web client."""
    return settings_class("web")(
        region_file=region_file,
        neighbours={name: _name_of(name) for name in Federation.of(engines.data).regions},
        gateway_url=inner,
        public_url=engines.gateway,
        secret=engines.secrets.web,
        client_key=json.dumps(engines.secrets.web_client_key),
    )


def _name_of(region: str) -> Words:
    """What members are told that a neighbour is called: as its file says, where it is one of `deploy/regions`."""
    file = REGIONS / f"{region}.toml"
    return load_region(file).name if file.exists() else Words(en=region.capitalize(), nb=region.capitalize())


def _identity(engines: Addresses) -> dict[str, Any]:
    keys_file = folder(engines.data) / "identity-keys.json"
    if not keys_file.exists():
        importlib.import_module("services.identity.keys").make_key_file(keys_file)
    return {
        "keys_file": keys_file,
        "web_client_keys": engines.secrets.web_client_keys,
        "notices_release_seconds": NOTICES_SECONDS,
        "engagement_release_seconds": ENGAGEMENT_SECONDS,
    }


__all__ = ["SERVICES", "service_app", "service_settings", "settings_class", "web_settings"]
