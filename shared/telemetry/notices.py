"""What an operator must hear of, beside the log: whoever runs the process shows it where they look.

Sentences for operators, without a word about anybody.
"""

_told: dict[str, None] = {}


def tell(sentence: str) -> None:
    """Say it; the same by several services of one process counts once."""
    _told.setdefault(sentence)


def take() -> list[str]:
    """What was told since the last call, in that order."""
    told = list(_told)
    _told.clear()
    return told
