"""What a backup is: a folder with each service's dump, sealed, and a manifest that says whose and when.

The keys that open it, and those that open what identity's database seals, stay in the region's `secrets`; a file of
keys is a copy of that folder for a place of its own. Nothing in a backup helps to open it.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, replace
from hmac import compare_digest
from pathlib import Path
from typing import Any

from deploy.embedded.addresses import REGION_FILE
from deploy.embedded.secrets import folder, write
from shared.keys import derive, keyed_hash

FORMAT = 1
MANIFEST = "manifest.json"
BACKUP_KEY = "backup-key.json"
KEPT = ("region.json", "identity-keys.json", BACKUP_KEY)  # a region can't be restored without these
# First whose facts are sent on, then who passes them on, then who receives: what was on its way while the dumps were
# made is in one of them, or comes from Kafka.
ORDER = ("forum", "events", "identity", "notifications", "analytics")


class Unusable(Exception):
    """A backup or a file of keys can't be used, or may not be written there. The message is one sentence."""


@dataclass(frozen=True)
class Manifest:
    """`id` is random: the files of two backups can't be mixed. `keys`: a fingerprint of the keys needed.

    `mac` vouches for all of it and for the region's facts, under the backup key.
    """

    id: str
    region: str
    made_at: str  # ISO 8601, UTC
    keys: str
    kafka: str  # the cluster whose topics go on where the backup ends
    format: int = FORMAT
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of each service's file
    mac: str = ""

    @classmethod
    def of(cls, backup: Path) -> "Manifest":
        """Raises Unusable."""
        try:
            found = cls(**json.loads((backup / MANIFEST).read_text()))
            if not isinstance(found.sizes, dict) or not isinstance(found.mac, str):
                raise TypeError
        except (OSError, ValueError, TypeError):
            raise Unusable(f"{backup} isn't a backup: it has no readable {MANIFEST}.") from None
        if found.format != FORMAT:
            raise Unusable(f"{backup} was made by another release, in a form that this one can't read.")
        for name in ORDER:
            if not (path := file_of(backup, name)).exists() or path.stat().st_size != found.sizes.get(name):
                raise Unusable(f"{backup} isn't whole: {path.name} is missing or cut off.")
        return found

    def write(self, backup: Path, data: Path) -> None:
        """Sign it and the region's facts beside it, which must be there."""
        write(backup / MANIFEST, asdict(replace(self, mac=self._mac(backup, data))))

    def check(self, backup: Path, data: Path) -> None:
        """Raises Unusable where the manifest or the region's facts aren't as they were written."""
        if not compare_digest(self.mac.encode(), self._mac(backup, data).encode()):
            raise Unusable(
                f"{backup} was changed: its {MANIFEST} or {REGION_FILE} isn't what was written with it."
            )

    def _mac(self, backup: Path, data: Path) -> str:
        said = json.dumps(asdict(replace(self, mac="")), sort_keys=True)
        region = region_file_of(backup)
        facts = region.read_bytes() if region.exists() else b""
        return keyed_hash(_backup_key(data), "manifest", said, facts).hex()

    def key_of(self, service: str, data: Path) -> bytes:
        """What seals this service's file in this backup, and nothing else."""
        return derive(_backup_key(data), f"backup:{self.id}:{service}")


def file_of(backup: Path, service: str) -> Path:
    """Where a service's dump lies."""
    return backup / f"{service}.dump"


def region_file_of(backup: Path) -> Path:
    """The facts of the region, for a restore into an empty folder."""
    return backup / REGION_FILE


def make_key(data: Path) -> None:
    """Make the region's backup key, once."""
    path = folder(data) / BACKUP_KEY
    if not path.exists():
        write(path, {"key": secrets.token_hex(32)})


def fingerprint(data: Path) -> str:
    """Tells one region's keys from another's and says nothing about them."""
    parts = [(folder(data) / name).read_bytes() for name in KEPT if name != BACKUP_KEY]
    return keyed_hash(_backup_key(data), "fingerprint", *parts).hex()


def has_keys(data: Path) -> bool:
    """Whether this data folder has keys of its own."""
    return (data / "secrets" / "region.json").exists()


def write_keys(data: Path, to: Path) -> None:
    """A copy of the keys, readable by the owner only. Raises Unusable where another file is in the way."""
    content = {path.name: json.loads(path.read_text()) for path in sorted(folder(data).glob("*.json"))}
    if to.exists():
        if _read(to) == content:
            return
        raise Unusable(f"{to} exists and holds something else; name another file.")
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = to.with_name(f"{to.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(to)


def put_keys_in_place(data: Path, keys: Path) -> None:
    """Give an empty data folder a region's keys. Raises Unusable."""
    content = _read(keys)
    if not isinstance(content, dict) or not set(KEPT) <= content.keys():
        raise Unusable(f"{keys} isn't a file of a region's keys.")
    for name, value in content.items():
        write(folder(data) / Path(name).name, value)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _backup_key(data: Path) -> bytes:
    try:
        return bytes.fromhex(json.loads((folder(data) / BACKUP_KEY).read_text())["key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Unusable(f"{data} has no key for backups; name its file of keys with --keys.") from None
