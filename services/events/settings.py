"""What the events service is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import LimitSettings, ServiceSettings


class Settings(ServiceSettings):
    """`PEERCAFE_EVENTS_…`"""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_EVENTS_", env_nested_delimiter="__")

    redis_prefix: str = "events:"
    reads: LimitSettings = LimitSettings(rate=20, burst=60)
    writes: LimitSettings = LimitSettings(rate=0.5, burst=60)
    # At most 200 of a million codes while one is good: a guesser's chance is 1 in 5,000.
    check_ins: LimitSettings = LimitSettings(rate=0.01, burst=20)
    # Counts and names, together: a look at a café's page now and then, not the moment at which somebody answered.
    looks_at_guests: LimitSettings = LimitSettings(rate=1 / 30, burst=60)
    tidy_every_seconds: float = 600
