"""Where the user of this machine gets Maven artifacts from: their own mirror if they set one, else Maven Central.

Read from `PEERCAFE_MAVEN_REPOSITORY` (one URL), else from the `<mirrors>` of Maven's `settings.xml`. Proxies and
certificates come from the environment, as `requests` reads it.
"""

import os
from pathlib import Path
from xml.etree import ElementTree as ET

from jgo.constants import MAVEN_CENTRAL_URL

MIRRORS_OF_CENTRAL = {"*", "central", "external:*"}


def repository() -> str:
    """The URL of the repository to ask."""
    chosen = os.environ.get("PEERCAFE_MAVEN_REPOSITORY")
    return (chosen or _mirror(Path.home() / ".m2" / "settings.xml") or str(MAVEN_CENTRAL_URL)).rstrip("/")


def _mirror(settings: Path) -> str | None:
    try:
        tree = ET.fromstring(settings.read_text())  # noqa: S314  the user's own file
    except (OSError, ET.ParseError):
        return None
    for mirror in tree.iter():
        if mirror.tag.rpartition("}")[2] != "mirror":
            continue
        fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in mirror}
        covers = {part.strip() for part in fields.get("mirrorOf", "").split(",")}
        if covers & MIRRORS_OF_CENTRAL and "!central" not in covers and fields.get("url"):
            return fields["url"]
    return None
