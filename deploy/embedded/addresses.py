"""Where a running region's engines are: `DATA/engines.json`, as `peercafe engines` prints it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded.secrets import Secrets, of_region

REGION_FILE = "region.toml"  # in the data folder: the facts the region was last started with


@dataclass(frozen=True)
class Addresses:
    """All that a service's settings need to reach its engines."""

    data: Path
    postgres: dict[str, str]  # plain DSNs by service
    redis: str  # the administrator's URL
    kafka: str  # host:port
    gateway: str
    operators: str = ""  # health and metrics of each service

    @classmethod
    def of_running(cls, data: Path) -> "Addresses":
        """Raises FileNotFoundError when no region runs on `data`."""
        return cls(data=data.absolute(), **json.loads((data / "engines.json").read_text()))

    @property
    def secrets(self) -> Secrets:
        """The region's secrets."""
        return of_region(self.data)

    def database(self, service: str) -> str:
        """The service's DSN for SQLAlchemy."""
        return self.postgres[service].replace("postgresql://", "postgresql+asyncpg://", 1)

    def redis_of(self, service: str) -> str:
        """URL of the service's own Redis user."""
        place = urlsplit(self.redis)
        return f"redis://{service}:{self.secrets.redis[service]}@{place.hostname}:{place.port}/0"

    def publish(self) -> None:
        """Write `engines.json`, readable by the owner only."""
        path = self.data / "engines.json"
        path.unlink(missing_ok=True)
        content = {
            name: getattr(self, name) for name in ("postgres", "redis", "kafka", "gateway", "operators")
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file)
