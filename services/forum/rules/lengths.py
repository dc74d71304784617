"""How long a post may be, wherever it was written."""

MAX_POST_BYTES = 16 * 1024


def too_long(body: str) -> bool:
    """Whether a post is over the limit, as UTF-8."""
    return len(body.encode()) > MAX_POST_BYTES
