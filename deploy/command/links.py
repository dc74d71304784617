"""`federation link`, `reset-link`, `join`, `leave`: who a region's neighbours are, and whether it pulls from them."""

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.command.options import ask_which, fail
from deploy.embedded.addresses import REGION_FILE
from deploy.embedded.ports import free_port
from deploy.embedded.processes import Known, Register
from deploy.embedded.secrets import write as write_secretly
from deploy.federation.neighbours import Doorway, Federation, Neighbour, Unreadable
from shared.region import load_region

SETTLED_SECONDS = 30.0
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")


def link(data: Path, region: str, *, start: bool) -> None:
    """Stop or start pulling from a neighbour; stays so until the other is said, over restarts too."""
    known = _knowing(data, region)
    if known.neighbour(region).linked == start:
        print(f"The link to {region} is {'started' if start else 'stopped'} already.")  # noqa: T201
        return
    _change(data, known.linking(region, linked=start))
    print(f"The link to {region} is {'started' if start else 'stopped'}.")  # noqa: T201


def reset_link(data: Path, region: str) -> None:
    """Have all that a neighbour has mirrored again, which changes nothing that is here.

    The region does it, since nothing may be mirrored while it forgets how far it had come.
    """
    from deploy.federation.resetting import ask_reset, resets_asked

    known = _knowing(data, region)
    ask_reset(data, region)
    if _runs(data) and not _settles(lambda: region not in resets_asked(data)):
        fail(
            f"{region} isn't mirrored again yet, but will be as soon as that can be done; the region's log says more."
        )
    when = "" if _runs(data) else " from the next start on"
    when = when if known.neighbour(region).linked else " once its link is started"
    print(f"All that {region} has is mirrored again{when}.")  # noqa: T201


def join(data: Path, region: str, bootstrap: str, key: Path | None, listen: str | None) -> None:
    """Make a region our neighbour; called again it changes what was said before."""
    own = _own_region(data)
    if region == own:
        fail(f"{region} is this region itself.")
    known = _known(data)
    doorway = known.doorway
    if not NAME.match(region):
        fail(f"{region} is no region's name.")
    _place(bootstrap, "HOST:PORT")
    if listen is not None:
        doorway = Doorway(*_place(listen, "ADDRESS:PORT"))
    doorway = doorway or Doorway("127.0.0.1", free_port())
    known = Federation(known.neighbours, doorway, known.admitted, known.left).admitting(region)
    before = next((one for one in known.neighbours if one.region == region and one.password), None)
    theirs = _theirs(key, region, own) if key else before and before.password
    linked = before.linked if before else theirs is not None
    known = known.joined(Neighbour(region, bootstrap, theirs or "", linked))
    known.write(data)
    given = data / f"key-for-{region}.json"
    write_secretly(given, {"region": own, "for": region, "password": known.admitted[region]})
    print(f"{region} is a neighbour from the next start on; it finds our Kafka at {doorway.place}.")  # noqa: T201
    print(f"Bring {given} to its operators by a safe way: it lets {region} read what is shared, and no more.")  # noqa: T201
    if theirs is None:
        print(f"Until you have said `join {region} … --key` with the file from {region}, nothing is pulled.")  # noqa: T201


def leave(data: Path, region: str) -> None:
    """Pull nothing more from a neighbour, and let it read nothing more. What is here of it stays as it is."""
    known = _knowing(data, region)
    _change(data, known.without(region))
    (data / f"key-for-{region}.json").unlink(missing_ok=True)
    print(  # noqa: T201
        f"{region} is no neighbour any more. What was mirrored of it stays readable; `federation rebuild` after the next"
        " start takes it away."
    )


def _place(said: str, form: str) -> tuple[str, int]:
    address, _, port = said.rpartition(":")
    if not address or not port.isdecimal():
        fail(f"{said} isn't of the form {form}.")
    return address, int(port)


def _theirs(key: Path, region: str, own: str) -> str:
    try:
        content: dict[str, str] = json.loads(key.read_text())
        made, password = (content["region"], content["for"]), content["password"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(f"{key} can't be read as a neighbour's key: {type(error).__name__}.")
    if made != (region, own):
        fail(f"{key} isn't the key that {region} made for {own}.")
    return password


def _own_region(data: Path) -> str:
    try:
        return load_region(data / REGION_FILE).id
    except FileNotFoundError:
        ask_which(data)
        fail(f"There is no region in {data} yet; start it once with `make run`.")


def _known(data: Path) -> Federation:
    try:
        return Federation.of(data)
    except Unreadable as error:
        fail(str(error))


def _knowing(data: Path, region: str) -> Federation:
    known = _known(data)
    if region not in known.regions:
        if not (data / REGION_FILE).exists():
            ask_which(data, other_than=region)
        there = ", ".join(known.regions) or "none"
        fail(f"{region} is no neighbour of the region in {data}; its neighbours: {there}.")
    return known


def _change(data: Path, known: Federation) -> None:
    """Write it down, and wait until a running region has done it."""
    before = _mirror(data)
    known.write(data)

    def done() -> bool:
        now = _mirror(data)
        return now is None if not known.linked else now not in (None, before)

    if _runs(data) and not _settles(done):
        print("The region hasn't done it yet; its log says why.", file=sys.stderr)  # noqa: T201


def _runs(data: Path) -> bool:
    return (data / "engines.json").exists()


def _settles(done: Callable[[], bool]) -> bool:
    """Whether it is done in time."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.1)
    return False


def _mirror(data: Path) -> Known | None:
    """MirrorMaker's process, where it runs."""
    running = (one for one in Register(data / "processes.json").read() if one.name == "mirror-maker")
    return next((one for one in running if one.process()), None)
