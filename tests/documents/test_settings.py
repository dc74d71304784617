"""docs/settings.md names every setting that a service or the gateway is told from the environment, and no other."""

import importlib
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
SETTINGS = {
    **{
        name: f"services.{name}.settings:Settings"
        for name in ("identity", "forum", "events", "notifications", "analytics", "web")
    },
    "gateway": "deploy.gateway.settings:GatewaySettings",
}


def variables(of: str) -> set[str]:
    """Environment names of a class of settings."""
    module, _, name = of.partition(":")
    settings: type[BaseSettings] = getattr(importlib.import_module(module), name)
    return {str(settings.model_config["env_prefix"]) + field.upper() for field in settings.model_fields}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_stands_there_and_no_other(name: str) -> None:
    prefix = f"PEERCAFE_{name.upper()}_"
    told = re.findall(rf"^\| `({prefix}[A-Z0-9_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(variables(SETTINGS[name]))
