"""Analytics' settings, from `PEERCAFE_ANALYTICS_*`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import LimitSettings, ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PEERCAFE_ANALYTICS_", env_nested_delimiter="__")

    redis_prefix: str = "analytics:"
    minimum_cell: int = Field(
        default=8, ge=8
    )  # people behind any published figure; a region may only raise it
    close_every_seconds: float = 1
    tidy_every_seconds: float = 3600
    stream_replicas: int = 1  # of a study's own topic; as many brokers must exist
    calls: LimitSettings = LimitSettings(rate=20, burst=60)  # per alias
