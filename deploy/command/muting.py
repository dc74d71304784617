"""`federation mute|unmute REGION`: whether another region's hides and lifts count in this one."""

import asyncio
from pathlib import Path
from typing import Any

from deploy.command.options import command, fail, none_runs, of


def set_muted(data: Path, here: str | None, region: str, *, muted: bool) -> None:
    """Mutes or unmutes in `here`, then tells the writers here whose posts that showed or hid."""
    settings = _forum_settings(of(data, here))
    from services.forum.use_cases.muting import UnknownRegion

    try:
        asyncio.run(_set(settings, region, muted=muted))
    except UnknownRegion:
        fail(
            f"{region} is no region whose decisions could be muted here."
            if muted
            else f"{region} isn't muted."
        )
    print(done(data, here, region, muted=muted))  # noqa: T201


def done(data: Path, here: str | None, region: str, *, muted: bool) -> str:
    """What counts from now on, and the command that takes a mute back."""
    if not muted:
        return f"All decisions of {region} count here again, those made meanwhile as well."
    back = command(f"federation unmute {region}", data, here)
    return f"No decision of {region} counts here any more; `{back}` takes that back."


async def _set(settings: Any, region: str, *, muted: bool) -> None:
    from services.forum.use_cases import muting
    from shared.database.engine import make_engine, make_sessions

    engine = make_engine(settings.database_url.get_secret_value(), pool=1, application="muting")
    sessions = make_sessions(engine)
    try:
        async with sessions() as session, session.begin():
            if muted:
                await muting.mute(session, settings.region, settings.neighbours, region)
            else:
                await muting.unmute(session, region)
        after: str | None = ""
        while after is not None:
            async with sessions() as session, session.begin():
                after = await muting.tell_some(session, region, after)
    finally:
        await engine.dispose()


def _forum_settings(data: Path) -> Any:
    from deploy.embedded import composition
    from deploy.embedded.addresses import REGION_FILE, Addresses
    from shared.region import load_region

    try:
        engines = Addresses.of_running(data)
    except FileNotFoundError:
        none_runs(data)
    file = data / REGION_FILE
    return composition.service_settings(
        "forum", engines, region=load_region(file).id, region_file=file, inner=engines.gateway
    )
