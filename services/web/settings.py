"""What the web client is told from outside. It has no database, cache or bus: only the gateway."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.region import Words


class Settings(BaseSettings):
    """Environment names are `PEERCAFE_WEB_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_WEB_")

    region_file: Path
    neighbours: dict[str, Words] = {}  # names of the regions that share the forum, by their ids
    gateway_url: str  # the gateway's inner listener, which doesn't limit by address
    public_url: str = (
        "http://localhost:8080"  # its scheme decides the cookies' flags; invitation cards lead here
    )
    issuer: str = "https://identity.peercafe.invalid"  # whom our client assertions are for
    secret: SecretStr  # 32+ random bytes as text; seals the session cookie, keys the form tokens
    client_id: str = "web"
    client_key: SecretStr  # a private Ed25519 JWK as JSON, whose public half identity knows as `client_id`'s
    request_timeout: float = 10.0  # seconds for one call of a service
    metrics_seconds: float = 10.0  # between two looks at what /metrics tells
    tokens_kept: int = 20_000  # audience tokens held in memory at most

    @property
    def over_https(self) -> bool:
        return self.public_url.startswith("https://")
