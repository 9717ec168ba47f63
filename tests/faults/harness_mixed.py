"""Bodies with items of several numbers, as different as Meta's documents allow, and who posts them at several processes."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx2

from tests.faults.harness_backlog import Body, Door, Message
from tests.faults.harness_tenant import WABA, number_of

GROUP = 6
"""Numbers of a line of bodies. No two lines share one, so each number's bodies are sent one after the other."""
SEVERAL = (2, 5)
"""Numbers in a body, at the least and at the most."""
COPIES = 0.05
"""Share of bodies that come twice in a row, as when an answer was lost."""
_PAUSE = 0.1


@dataclass
class MixedAuthors:
    """Customers of each number, who write what `random` makes them. A message's `customer` is the number that it is to."""

    random: Random
    _written: dict[str, "count[int]"] = field(default_factory=dict)

    def lines(self, lines: int, *, bodies: int) -> list[list[Body]]:
        """So many lines of at least so many bodies, each line of numbers of its own."""
        groups = [[number_of(line * GROUP + place) for place in range(GROUP)] for line in range(lines)]
        return [[body for _ in range(bodies) for body in self._bodies(group)] for group in groups]

    def _bodies(self, group: Sequence[str]) -> list[Body]:
        numbers = self.random.sample(group, self.random.randint(*SEVERAL))
        if self.random.random() < 0.1:
            numbers.append(numbers[0])  # it comes twice, in two changes
        changes, messages = [], []
        for number in numbers:
            written = [self._message(number) for _ in range(self.random.choice((1, 1, 1, 2, 3)))]
            messages += written
            changes.append(self._change(number, written))
        raw = self._rendered(changes)
        return [Body(raw, tuple(messages))] * (2 if self.random.random() < COPIES else 1)

    def _message(self, number: str) -> Message:
        written = next(self._written.setdefault(number, count(1)))
        return Message(number, written, f"wamid.{number}.{written}")

    def _change(self, number: str, messages: Sequence[Message]) -> dict[str, Any]:
        """With a status that changes nothing, or its members in another order, now and then."""
        value: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": self._written_as(number)},
            "messages": [self._rendered_message(message) for message in messages],
        }
        if self.random.random() < 0.2:
            value["statuses"] = [{"id": messages[0].wamid, "type": "payment", "status": "captured"}]
        if self.random.random() < 0.2:
            value = dict(reversed(value.items()))
        return {"field": "messages", "value": value}

    def _rendered_message(self, message: Message) -> dict[str, Any]:
        text = f"Question {message.number}"
        if self.random.random() < 0.1:
            text = json.dumps({"metadata": {"phone_number_id": number_of(0)}})
        sender = f"49151{message.customer[-4:]}{self.random.randrange(3):03}"
        said = {"from": sender, "id": message.wamid, "timestamp": "1790000000", "type": "text", "text": {"body": text}}
        if self.random.random() < 0.05:
            said["referral"] = {"phone_number_id": "31"}
        return said

    def _written_as(self, number: str) -> str | int:
        return int(number) if self.random.random() < 0.1 else number

    def _rendered(self, changes: Sequence[dict[str, Any]]) -> bytes:
        """One entry, or one a change; with or without spaces; the key or the numbers written as escapes in every tenth."""
        groups = [changes] if self.random.random() < 0.5 else [[change] for change in changes]
        document = {"object": "whatsapp_business_account", "entry": [{"id": WABA, "changes": each} for each in groups]}
        raw = json.dumps(document, separators=None if self.random.random() < 0.5 else (",", ":"))
        match self.random.randrange(20):
            case 0 | 1:
                raw = raw.replace('"phone_number_id"', r'"phone\u005fnumber_id"')
            case 2 | 3:
                raw = re.sub(r'(number_id": ?")1', r"\1\\u0031", raw)
        return raw.encode()


@dataclass
class Doors:
    """The processes that take webhooks in: each body goes to any of them, and again until the answer is 200."""

    doors: Sequence[Door]
    random: Random

    @property
    def acknowledged(self) -> int:
        return sum(len(door.acknowledged) for door in self.doors)

    async def post_all(self, lines: Sequence[Sequence[Body]]) -> None:
        """Lines side by side; of a line, a body is sent when the one before it was answered."""
        limits = httpx2.Limits(max_connections=2 * len(lines))
        async with httpx2.AsyncClient(trust_env=False, timeout=10.0, limits=limits) as client:
            await asyncio.gather(*(self._post_line(client, line) for line in lines))

    async def _post_line(self, client: httpx2.AsyncClient, line: Sequence[Body]) -> None:
        for body in line:
            while not await self.random.choice(self.doors).post(client, body):  # noqa: ASYNC110 - nobody signals that it works
                await asyncio.sleep(_PAUSE)
