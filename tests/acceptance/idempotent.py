"""Many requests with the same Idempotency-Key at once, against any number of processes, and what came of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

_PAUSE, _LONGEST = 0.02, 0.5


@dataclass
class Came:
    """`bodies` by key: every body that was answered in the end. `waited` counts what came while the first was under way."""

    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    replayed: int = 0
    waited: int = 0
    wrong: list[str] = field(default_factory=list)


async def send_until_answered(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str], body: Any, key: str, came: Came
) -> None:
    pause = _PAUSE
    while True:
        answer = await client.post(path, json=body, headers={**headers, "idempotency-key": key})
        if answer.status_code != 409:
            break
        came.waited += 1
        if answer.json()["code"] != "idempotency_key_in_use" or "retry-after" not in answer.headers:
            came.wrong.append(answer.text)
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST)
    came.statuses[answer.status_code] += 1
    came.bodies.setdefault(key, set()).add(answer.content)
    came.replayed += "idempotency-replayed" in answer.headers


async def hammer(
    clients: Sequence[httpx2.AsyncClient],
    headers: dict[str, str],
    conversation: str,
    *,
    keys: int,
    times: int,
    abreast: int = 10,
) -> Came:
    """A recorded message of each key. It names no id of a platform, so each effect is a row."""
    bodies = [message(conversation, f"message {number}") for number in range(keys)]
    return await hammer_with(clients, "/state/message", headers, bodies, times=times, abreast=abreast)


async def hammer_with(
    clients: Sequence[httpx2.AsyncClient],
    path: str,
    headers: dict[str, str],
    bodies: Sequence[Any],
    *,
    times: int,
    abreast: int = 10,
) -> Came:
    """A key for each body, `times` at once, `abreast` keys at a time."""
    came = Came()
    keys = len(bodies)
    for start in range(0, keys, abreast):
        async with asyncio.TaskGroup() as group:
            for number in range(start, min(start + abreast, keys)):
                for place in range(times):
                    client = clients[place % len(clients)]
                    group.create_task(send_until_answered(client, path, headers, bodies[number], f"key-{number}", came))
    return came


def message(conversation: str, content: str) -> dict[str, Any]:
    return {"conversationId": conversation, "direction": "inbound", "status": "received", "content": content}


def text(phone: str, words: str) -> dict[str, Any]:
    """A text of a business, as `POST /v1/messages` takes it."""
    return {"to": phone, "type": "text", "text": {"body": words}}


def check(came: Came, effects: Sequence[int], *, keys: int, times: int, status: int = 201) -> list[str]:
    """What is not as it must be; `effects` is how many rows each message made, `status` what each is answered."""
    found = list(came.wrong)
    if sorted(effects) != [1] * keys:
        found.append(f"{keys} keys made {sum(effects)} messages, one of them {max(effects, default=0)}")
    if several := [key for key, bodies in came.bodies.items() if len(bodies) > 1]:
        found.append(f"{len(several)} keys had different answers, such as {several[0]}")
    if came.statuses != Counter({status: keys * times}):
        found.append(f"answers were {dict(came.statuses)}")
    if came.replayed != keys * (times - 1):
        found.append(f"{came.replayed} answers were marked as replayed")
    return found
