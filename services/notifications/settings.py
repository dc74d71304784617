"""What the notifications service is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import LimitSettings, ServiceSettings


class Settings(ServiceSettings):
    """`PEERCAFE_NOTIFICATIONS_…`"""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_NOTIFICATIONS_", env_nested_delimiter="__")

    redis_prefix: str = "notifications:"
    reads: LimitSettings = LimitSettings(rate=20, burst=60)
