"""A region's secrets, made once: `DATA/secrets`, readable by the owner only, outside every database and its backups."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

SERVICES = ("identity", "forum", "events", "notifications", "analytics")


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Secrets:
    """What nobody but this region knows. Values by service."""

    superuser: dict[str, str]  # PostgreSQL, one cluster each
    database: dict[str, str]  # PostgreSQL, the service's own role
    redis: dict[str, str]
    redis_administrator: str
    service: dict[str, str]  # keys every keyed hash of that service
    web: str
    web_client_key: dict[str, Any]  # a private Ed25519 JWK

    @property
    def web_client_keys(self) -> str:
        """The public half, as the JWKS that identity's settings take."""
        public = {name: value for name, value in self.web_client_key.items() if name != "d"}
        return json.dumps({"keys": [public]})


def folder(data: Path) -> Path:
    """Where they are kept; made if missing."""
    path = data / "secrets"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def of_region(data: Path) -> Secrets:
    """The region's secrets, made at the first call."""
    path = folder(data) / "region.json"
    if not path.exists():
        write(path, asdict(_fresh()))
    return Secrets(**json.loads(path.read_text()))


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a secret file as a whole or not at all, readable by the owner only."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _fresh() -> Secrets:
    key = OKPKey.generate_key("Ed25519", {"kid": secrets.token_hex(8), "alg": "Ed25519", "use": "sig"})
    return Secrets(
        superuser={name: _random() for name in SERVICES},
        database={name: _random() for name in SERVICES},
        redis={name: _random() for name in SERVICES},
        redis_administrator=_random(),
        service={name: _random() for name in SERVICES},
        web=_random(),
        web_client_key=dict(key.as_dict(private=True)),
    )
