"""`replay study` and `replay threads`: hand the replay a gateway and an operator's invitation, nothing else."""

from pathlib import Path

from deploy.command.operators import operator
from deploy.command.options import fail, running_region


def study(data: Path, gateway: str | None, invitation: str | None, *, as_json: bool) -> int:
    """Exit status."""
    from replay.study import run

    where, code = _entrance(data, gateway, invitation)
    return int(run(where, code, as_json=as_json) or 0)


def threads(file: Path, data: Path, gateway: str | None, invitation: str | None) -> int:
    """Exit status."""
    from replay.threads import run

    if not file.exists():
        fail(f"There is no file {file}.")
    where, code = _entrance(data, gateway, invitation)
    return int(run(file, where, code) or 0)


def _entrance(data: Path, gateway: str | None, invitation: str | None) -> tuple[str, str]:
    """The gateway and the code of an operator's invitation: given, or made by the embedded region's operator."""
    if gateway is not None:
        if invitation is None:
            fail("--gateway needs --invitation: the code of an operator's invitation.")
        return gateway, invitation
    with operator(data, None, None) as by:
        return str(running_region(data)["gateway"]), by.invite("operator", [])[0]
