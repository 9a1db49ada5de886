"""Slows down whoever guesses tokens. Pure: time is an argument, in seconds."""

import ipaddress
from collections import OrderedDict

from shared.service.token_bucket import TokenBucket

PER_ADDRESS = 10  # wrong tokens a minute: nobody mistypes more
IN_ALL = 100  # wrong tokens a minute, since an attacker may have many addresses
MAX_ADDRESSES = 1000  # remembered; IN_ALL limits those that are forgotten


class GuessLimiter:
    """Counts the wrong tokens of each address."""

    def __init__(self, now: float) -> None:
        self._in_all = make_bucket(IN_ALL, now)
        self._by_address: OrderedDict[str, TokenBucket] = OrderedDict()  # the last to guess is the last

    def is_blocked(self, address: str, now: float) -> bool:
        """Return whether no token of this address is looked at now, not even the right one."""
        bucket = self._by_address.get(address)
        return not self._in_all.has_token(now) or bool(bucket and not bucket.has_token(now))

    def record_wrong(self, address: str, now: float) -> None:
        """Count a wrong token."""
        self._in_all.take_token(now)
        self._by_address.setdefault(address, make_bucket(PER_ADDRESS, now)).take_token(now)
        self._by_address.move_to_end(address)
        if len(self._by_address) > MAX_ADDRESSES:
            self._by_address.popitem(last=False)


def make_bucket(per_minute: int, now: float) -> TokenBucket:
    """Return a bucket that allows so many actions a minute."""
    return TokenBucket(rate_per_s=per_minute / 60, capacity=per_minute, updated_at=now)


def group_address(address: str) -> str:
    """Return the address, for IPv6 its network of 64 bits: a single customer has one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address
