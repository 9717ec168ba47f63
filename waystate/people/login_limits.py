"""How often somebody may try to get in: guessing is slowed down without shutting the owner out.

Three buckets, all emptied by failures alone, because what succeeds is given back:
- account and address together: a few tries, then one now and then;
- address, whatever the account: the same for who tries many accounts;
- account, whatever the address: once it is empty, the account is under attack from many places. Nobody is shut out for that,
  but every address has only a try or two, so that its owner comes in from any that has not failed before.
"""

import hmac
from typing import NamedTuple

from waystate.cache.limits import Limits
from waystate.errors import TooMany
from waystate.ids import PLATFORM
from waystate.web.facts import address_of


class Bucket(NamedTuple):
    name: str
    per_second: float
    burst: float


PAIR = Bucket("pair", 1 / 30, 5)
ADDRESS = Bucket("address", 1 / 5, 60)
ACCOUNT = Bucket("account", 1 / 60, 20)
BESIEGED = Bucket("besieged", 1 / 600, 2)
"""For an address and an account that is under attack."""
NOTED = Bucket("noted", 1 / 10, 100)
"""Failures that an audit log takes of one tenant: an attack must not fill the disk."""

Taken = list[tuple[str, Bucket]]


class LoginLimits:
    """`key` hides e-mails and addresses: they are in no bucket's name."""

    def __init__(self, limits: Limits, key: bytes) -> None:
        self._limits = limits
        self._key = key

    async def enter(self, account: str, address: str) -> Taken:
        """Before a password is looked at; what comes back is for `succeeded`. `TooMany` says when to come again."""
        where = self.pseudonym(address_of(address))
        pair = f"{self.pseudonym(account)}:{where}"
        taken = [await self._take(PAIR, pair), await self._take(ADDRESS, where)]
        try:
            taken.append(await self._take(ACCOUNT, self.pseudonym(account)))
        except TooMany:
            taken.append(await self._take(BESIEGED, pair))
        return taken

    async def succeeded(self, taken: Taken) -> None:
        for key, bucket in taken:
            await self._limits.give_back(key, bucket.per_second)

    async def may_note(self, tenant_id: str) -> bool:
        return await self._limits.take(_key(NOTED, tenant_id), NOTED.per_second, NOTED.burst) is None

    def pseudonym(self, text: str) -> str:
        """The same for the same text in this installation, and nothing without its key."""
        return hmac.digest(self._key, text.encode("utf-8", "replace"), "sha256").hex()[:32]

    async def _take(self, bucket: Bucket, name: str) -> tuple[str, Bucket]:
        key = _key(bucket, name)
        wait = await self._limits.take(key, bucket.per_second, bucket.burst)
        if wait is not None:
            raise TooMany(
                "login_rate_limit", "Too many failed attempts. Try again after Retry-After seconds.", retry_after=wait
            )
        return key, bucket


def _key(bucket: Bucket, name: str) -> str:
    return f"t:{{{PLATFORM}}}:login:{bucket.name}:{name}"
