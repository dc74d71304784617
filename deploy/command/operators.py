"""The operator whom a command acts as: the embedded region's own, or one who joins with an invitation."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from deploy.command.options import fail, running_region
from deploy.operators import Account, NoAnswer, Operator, Refused

PROFILE_VERSION = 8  # services/forum/rules/identities.py


@contextmanager
def operator(data: Path, gateway: str | None, invitation: str | None) -> Iterator[Operator]:
    """A signed-in operator; what the region refuses ends the command with one sentence."""
    try:
        if gateway is None:
            gateway = str(running_region(data)["gateway"])
            account = Account(**json.loads((data / "secrets" / "operator.json").read_text()))
        elif invitation is None:
            fail("--gateway needs --invitation: the code of an operator's invitation.")
        else:
            account = Account.joined(gateway, invitation)
        with Operator(gateway, account) as signed_in:
            yield signed_in
    except (NoAnswer, Refused) as error:
        fail(str(error))


def profile_of(said: str) -> str:
    """A forum profile's id as far as that can be seen from here: the forum gives profiles UUIDs of version 8 only."""
    try:
        profile = UUID(said)
    except ValueError:
        profile = None
    if profile is None or profile.version != PROFILE_VERSION:
        fail(
            f"{said} isn't the id of a forum profile: it stands at the end of the address of the consultant's page in"
            " the other region, /forum/names/…"
        )
    return str(profile)
