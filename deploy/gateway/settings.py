"""How long the gateway waits for a client, and how many connections it holds."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Environment names are `PEERCAFE_GATEWAY_<FIELD>`. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix="PEERCAFE_GATEWAY_")

    connections: int = 600  # in all; a process has 1,024 files by default, and its engines need some
    connections_per_address: int = 100  # an IPv6 household (/56) is one address
    work_per_address: int = 8  # requests at once; more wait. A service has ten database connections
    header_seconds: float = 10.0  # from the first byte (or the connection) to the end of the headers
    header_bytes: int = 32 * 1024  # the request's line and headers together
    body_seconds: float = 30.0  # within which a body must have arrived
    idle_seconds: float = 30.0  # between two requests on one connection
    reading_seconds: float = 120.0  # in which a client must have taken an answer, all of it
