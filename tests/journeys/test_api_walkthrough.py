"""docs/api.md does what it says: its commands, exactly, against a running region."""

import asyncio
import re
import subprocess
from pathlib import Path

from tests.people import People
from tests.region.running import RunningRegion

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
OWN_VALUES = re.compile(r"^(GATEWAY|INVITATION)=.*$", re.MULTILINE)


def commands() -> str:
    """All the page's shell blocks; only the reader's own two values are left to the environment."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    script = "\n".join(blocks)
    assert len(OWN_VALUES.findall(script)) == 2
    return "set -euo pipefail\n" + OWN_VALUES.sub("", script)


async def test_the_walk_from_an_invitation_to_a_reply_works_as_written(
    region: RunningRegion, people: People, tmp_path: Path
) -> None:
    operator = await people.operator()
    batch = {"role": "member", "communities": [await people.community(operator)], "count": 1, "days": 1}
    invitation = (await operator.makes("identity", "/invitations", batch))["invitations"][0]
    ran = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", commands()],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "GATEWAY": region.url,
            "INVITATION": invitation,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout.splitlines()
    assert any("First evening here" in line for line in said)
    assert any("<p>Thanks for having me.</p>" in line for line in said)
    assert "/problems/idempotency-key-needed" in said
