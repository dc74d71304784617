"""`backup`: dumps of all databases of a running region, sealed; and its keys, apart from them."""

from pathlib import Path

from deploy.command.options import fail, none_runs
from deploy.command.transfers import Transfers


def run(data: Path, to: Path, keys: Path | None, *, together: bool) -> None:
    """Print what was written and where the keys are."""
    from deploy.embedded.backing_up import back_up
    from deploy.embedded.backups import Unusable, make_key, write_keys

    if keys is not None and not together and _lies_in(keys, to):
        fail(
            f"{keys} lies beside the backup, and whoever copies that folder has both. "
            "Name another place, or say --together."
        )
    try:
        with Transfers("written") as transfers:
            backup = back_up(data, to, transfers.tell)
        print(backup)  # noqa: T201
        if keys is None:
            transfers.say(
                f"Its keys aren't in it: keep a copy of {data / 'secrets'} in another place (--keys)."
            )
        else:
            make_key(data)
            write_keys(data, keys)
            transfers.say(f"Its keys are in {keys}: whoever has both can read everything.")
    except FileNotFoundError:
        none_runs(data)
    except Unusable as error:
        fail(str(error))
    except OSError as error:
        fail(f"The backup can't be written to {to}: {error.strerror or error}.")


def _lies_in(keys: Path, to: Path) -> bool:
    return keys.absolute().resolve().is_relative_to(to.absolute().resolve())
