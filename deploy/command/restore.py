"""`restore`: a backup in place of a stopped region's databases."""

from pathlib import Path

from deploy.command.options import ask_which, fail
from deploy.command.transfers import Transfers


def run(data: Path, backup: Path, keys: Path | None, *, replacing: bool) -> None:
    """Print of when the databases are now, and what the next start does."""
    from deploy.embedded.addresses import REGION_FILE
    from deploy.embedded.backups import Unusable
    from deploy.embedded.errors import StartFailure
    from deploy.embedded.restoring import has_kafka_of, restore

    if not (data / REGION_FILE).exists():
        ask_which(data)
    try:
        with Transfers("read") as transfers:
            manifest = restore(data, backup, keys, transfers, replacing=replacing)
    except (Unusable, StartFailure) as error:
        fail(str(error))
    except OSError as error:
        fail(f"The backup can't be restored to {data}: {error.strerror or error}.")
    print(f"The databases of {manifest.region} are as of {manifest.made_at[:19]} UTC.")  # noqa: T201
    transfers.say(
        "At its next start the region reads Kafka back; everybody has to sign in again, "
        "and nobody takes part in research until they say yes again."
    )
    if not has_kafka_of(manifest, data):
        transfers.say(
            "WARNING: Kafka's data of the time since the backup isn't here. Whoever left Peercafe or was closed "
            "since then comes back, and nothing here knows who. If a copy of that Kafka is left, put it in place before "
            "the region starts; else read docs/backups.md first."
        )
