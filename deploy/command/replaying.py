"""`replay study` and `replay threads`: hand the replay a gateway and an operator's invitation, nothing else."""

from collections.abc import Sequence
from pathlib import Path

from deploy.command.operators import operator
from deploy.command.options import fail, of, running_region


def study(
    data: Path, gateway: str | None, invitation: str | None, regions: Sequence[str], *, as_json: bool
) -> int:
    """Exit status. Of several regions on this machine each gets one of the study's communities."""
    if len(regions) > 1:
        if gateway is not None or len(set(regions)) < len(regions):
            fail("Several regions are those of `make federation`, each named once and without --gateway.")
        from replay import regions as in_regions

        entrances = [(region, *_entrance(of(data, region), None, None)) for region in regions]
        return in_regions.run([in_regions.Region(*entrance) for entrance in entrances], as_json=as_json)
    from replay.study import run

    data = of(data, regions[0] if regions else None)
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
