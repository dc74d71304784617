"""What may be published of a study: pure rules about numbers and whose they are (DESIGN §2, two levels of figures).

A published figure never tells anything about fewer than `minimum` people, alone or by subtraction:

- *few*: a count of people, or of what people did, behind which stand fewer than `minimum` people, is left out;
- *rest*: so is the smaller of two nested counts (those who wrote among all members) when 1 to `minimum` - 1 people
  lie between them, because whoever reads both can subtract;
- *dominance*: what people did is left out when one of them did more than half of it, or two more than three quarters,
  because those who know their own share learn the other's;
- *extremes*: the smallest and the largest café are always left out: they are single evenings;
- *earlier publications of the same communities*: *rest* holds across them, too (those who viewed now among the members
  of then), and acts are left out whose period overlaps with one whose acts were published before;
- *earlier publications of some of the communities*: everything about people is left out. Wholes and parts could be added
  up and subtracted, also several at once. So any two publications about people have the same communities or none in
  common.

Counts of cafés are not about people. Totals are sums of published cells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

PEOPLE = ("members", "members_who_viewed", "members_who_wrote", "members_who_came")
ACTS = ("posts", "views")

# Each smaller group lies within the larger one. Whoever writes has as good as always read: counted as nested too.
NESTED = (
    ("members_who_viewed", "members"),
    ("members_who_wrote", "members"),
    ("members_who_came", "members"),
    ("members_who_wrote", "members_who_viewed"),
)
ONE_PERSONS_SHARE = 0.5
TWO_PERSONS_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Figures:
    """A study's figures as the issue names them; members only.

    `cafes_by_community` stands in the study's order of communities; the extremes are None without a head count.
    """

    members: int
    posts: int
    views: int
    members_who_viewed: int
    members_who_wrote: int
    cafes: int
    cafes_by_community: tuple[int, ...]
    members_who_came: int
    smallest_cafe: int | None
    largest_cafe: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """The same figures with None for what may not be published."""

    members: int | None
    posts: int | None
    views: int | None
    members_who_viewed: int | None
    members_who_wrote: int | None
    cafes: int | None
    cafes_by_community: tuple[int | None, ...]
    members_who_came: int | None
    smallest_cafe: int | None = None  # always: see *extremes*
    largest_cafe: int | None = None

    def value(self, metric: str) -> int | None:
        """One published count of people or acts, by its name."""
        found: int | None = getattr(self, metric)
        return found


@dataclass(frozen=True, slots=True)
class Earlier:
    """A publication made before; both days included."""

    communities: frozenset[UUID]
    since: date
    until: date
    published: Published

    @property
    def tells_about_people(self) -> bool:
        """Whether there is anything in it to subtract from."""
        return any(self.published.value(metric) is not None for metric in PEOPLE + ACTS)


def dominated(per_person: Sequence[int]) -> bool:
    """Whether one or two people stand behind so much of a sum that it tells about them."""
    total, top = sum(per_person), sorted(per_person, reverse=True)[:2]
    return bool(top) and (top[0] > total * ONE_PERSONS_SHARE or sum(top) > total * TWO_PERSONS_SHARE)


def _acts(per_person: Sequence[int], minimum: int) -> int | None:
    """The sum of an act over the people who did it, unless they are few or one stands out."""
    who = [count for count in per_person if count > 0]
    return None if len(who) < minimum or dominated(who) else sum(who)


def _close(one: int, other: int, minimum: int) -> bool:
    """Whether subtracting gives a group of at least one and fewer than `minimum` people."""
    return 0 < abs(one - other) < minimum


def _nested(one: str, other: str) -> bool:
    """Whether one of these counts of people holds the other."""
    return one == other or (one, other) in NESTED or (other, one) in NESTED


def _people(figures: Figures, earlier: Sequence[Earlier], minimum: int) -> dict[str, int | None]:
    """The counts of people that may stand beside one another and beside earlier ones of the same communities."""
    told = [(name, publication.published.value(name)) for publication in earlier for name in PEOPLE]
    kept: dict[str, int | None] = {}
    # In this order a group is judged after all groups that hold it, so one pass is enough.
    for name in PEOPLE:
        value: int = getattr(figures, name)
        seen_through = any(
            old is not None and _nested(name, known) and _close(value, old, minimum)
            for known, old in (*told, *kept.items())
        )
        kept[name] = None if value < minimum or seen_through else value
    return kept


def _overlaps(since: date, until: date, earlier: Iterable[Earlier], metric: str) -> bool:
    return any(
        old.since <= until and since <= old.until and old.published.value(metric) is not None
        for old in earlier
    )


def publish(
    figures: Figures,
    per_person: Mapping[str, Sequence[int]],
    *,
    minimum: int,
    communities: frozenset[UUID],
    since: date,
    until: date,
    earlier: Sequence[Earlier] = (),
) -> Published:
    """What everyone may read of `figures`.

    `per_person` holds, for "posts" and "views", each person's count (any order); `minimum` is in people; `since` and
    `until` are the study's first and last day; `earlier` are the publications about any of its communities.
    """
    before = [one for one in earlier if one.tells_about_people and one.communities & communities]
    people: dict[str, int | None] = dict.fromkeys(PEOPLE)
    acts: dict[str, int | None] = dict.fromkeys(ACTS)
    if all(one.communities == communities for one in before):
        people = _people(figures, before, minimum)
        acts = {
            metric: None
            if _overlaps(since, until, before, metric)
            else _acts(per_person.get(metric, ()), minimum)
            for metric in ACTS
        }
    return Published(
        **people,
        **acts,
        cafes=sum(figures.cafes_by_community),
        cafes_by_community=figures.cafes_by_community,
        smallest_cafe=None,
        largest_cafe=None,
    )
