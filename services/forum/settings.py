"""What the forum is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import LimitSettings, ServiceSettings


class Settings(ServiceSettings):
    """Environment names start with `PEERCAFE_FORUM_`."""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_FORUM_", env_nested_delimiter="__")

    redis_prefix: str = "forum:"
    neighbours: tuple[str, ...] = ()  # regions whose mirrored topics are read
    posts: LimitSettings = LimitSettings(rate=30 / 60, burst=60)
    threads: LimitSettings = LimitSettings(rate=10 / 60, burst=20)
    profiles: LimitSettings = LimitSettings(rate=10 / 60, burst=20)  # taking and changing one's name
    reports: LimitSettings = LimitSettings(rate=20 / 3600, burst=20)  # telling peer consultants of a post
    reads: LimitSettings = LimitSettings(rate=20, burst=60)
    exports: LimitSettings = LimitSettings(rate=6 / 3600, burst=5)  # each may be tens of megabytes
    erase_every_seconds: float = 1
    pass_on_every_seconds: float = 5  # looks for what was told here of posts from elsewhere
    release_held_every_seconds: float = 10  # looks for records that were ahead of time and are due
    announce_every_seconds: float = (
        0.1  # looks for posts that stand for others now; in a region alone with tidy_every_seconds
    )
    tidy_every_seconds: float = 3600
    remind_every_seconds: float = 3600  # looks for erasures that neighbours haven't confirmed
    # Digests of what changed, and of everything.
    digests_seconds: float = 60
    digests_anyway_seconds: float = 600
