"""What every service is told from outside: its engines, its region, its secret."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings


class KafkaSettings(BaseModel):
    """How to reach the region's own Kafka."""

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None


class LimitSettings(BaseModel):
    """A token bucket: `rate` tokens a second, at most `burst` at once."""

    rate: float
    burst: int


class ServiceSettings(BaseSettings):
    """The settings all services share; each adds its own and its environment prefix.

    Environment names are `PEERCAFE_<SERVICE>_<FIELD>`, nested fields after `__`
    (`PEERCAFE_FORUM_KAFKA__BOOTSTRAP_SERVERS`).
    """

    region: str = Field(default="north", pattern=r"^[a-z][a-z0-9-]{0,30}$")
    region_file: Path
    database_url: SecretStr  # postgresql+asyncpg://…
    database_pool: int = 10
    redis_url: SecretStr
    redis_prefix: str = ""  # set by each service: its own Redis user may touch only these keys
    kafka: KafkaSettings = KafkaSettings()
    identity_url: str  # base of identity's API, for its public keys
    issuer: str = "https://identity.peercafe.invalid"
    secret: SecretStr  # 32+ random bytes as text; keys every keyed hash of this service
    instance: str = "0"  # a stable name of this process, for Kafka's static membership
    relay: bool = True
    metrics_seconds: float = 10.0  # between two looks at what /metrics tells
    consumers: bool = True  # and due work: without both a process only answers requests
