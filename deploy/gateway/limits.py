"""Limits by address, at the edge only: services never learn an address."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

ADDRESSES_KEPT = 50_000
ENTERING = frozenset(  # joining and sign-in together
    {
        ("POST", "/api/identity/members"),
        ("POST", "/api/identity/sessions"),
        ("POST", "/api/identity/recoveries"),
        ("POST", "/api/identity/invitations/look"),
        ("POST", "/join"),
        ("POST", "/join/agree"),
        ("POST", "/join/finish"),
        ("POST", "/receipt"),
        ("POST", "/sign-in"),
        ("POST", "/recover"),
    }
)


@dataclass(frozen=True)
class Rate:
    """A token bucket: `rate` tokens a second, at most `burst` at once."""

    rate: float
    burst: int


EVERYTHING = Rate(rate=100, burst=400)
ENTRANCE = Rate(rate=120 / 60, burst=60)


class Buckets:
    """One bucket for each address; the addresses used longest ago are forgotten first."""

    def __init__(self, rate: Rate, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> int:
        """Take one token. Returns 0, or the seconds after which there will be one."""
        now = self._now()
        level, at = self._levels.pop(address, (float(self._rate.burst), now))
        level = min(self._rate.burst, level + (now - at) * self._rate.rate)
        wait = 0 if level >= 1 else max(1, math.ceil((1 - level) / self._rate.rate))
        self._levels[address] = (level if wait else level - 1, now)
        if len(self._levels) > ADDRESSES_KEPT:
            self._levels.popitem(last=False)
        return wait


class EdgeLimits:
    """Both limits of DESIGN §2."""

    def __init__(
        self,
        everything: Rate = EVERYTHING,
        entrance: Rate = ENTRANCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._everything = Buckets(everything, now)
        self._entrance = Buckets(entrance, now)

    def take(self, address: str, method: str, path: str) -> int:
        """Seconds to wait before this request may come again; 0 lets it through."""
        where = subscriber(address)
        wait = self._everything.take(where)
        if not wait and (method, path.rstrip("/")) in ENTERING:
            wait = self._entrance.take(where)
        return wait


def subscriber(address: str) -> str:
    """The address, or for IPv6 the /56 that one household gets (RIPE-690): it can be anybody within."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 56), strict=False).network_address)
    return address
