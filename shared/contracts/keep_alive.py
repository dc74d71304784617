"""Keep-alives: records that only make Kafka roll a segment, so that erased or handled records leave the disk.

They say nothing about anybody; consumers skip them.
"""

KEEP_ALIVE = "peercafe.bus.kept-alive.v1"


def key_of(partition: int) -> str:
    """The key of a partition's keep-alive: compaction keeps only the newest."""
    return f"keep-alive-{partition}"
