"""A phone that changes hands, through the webhooks: each customer is answered where they last wrote from."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from tests.acceptance.installation import (
    NUMBER,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
)
from tests.databases import Databases

_places = count(1)


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_delay=3600) as installation:
            yield installation


class Talk:
    """People with ids of their own, so that the tests share nothing."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.number = next(_places)
        self.old, self.new = f"155501010{self.number}1", f"155501010{self.number}2"
        self.ann, self.bob = f"US.1000000000000{self.number}01", f"US.1000000000000{self.number}09"
        self._written = count(1)

    async def write(self, name: str, user_id: str, wa_id: str | None) -> str:
        wamid = f"wamid.{self.number}.{next(self._written)}"
        now = int(self.place.app.clock().timestamp())
        value = customer_message(wamid, wa_id or "", f"I am {name}", at=now, from_user_id=user_id)
        value["contacts"] = [{"profile": {"name": name}, "wa_id": wa_id or "", "user_id": user_id}]
        assert (await self.place.post_meta(envelope(value))).is_success
        await self.place.settled()
        return wamid

    async def answer(self, wamid: str) -> dict[str, Any]:
        """What the Graph API is asked for, for an agent's answer to that message."""
        conversation = (await self.place.trace(wamid))["conversation"]["genesysConversationId"]
        name = f"answer.{self.number}.{next(self._written)}"
        body = agent_message(name, await self.contact_of(wamid), conversationId=conversation)
        assert (await self.place.post_genesys(body)).is_success
        await self.place.settled()
        query = "SELECT d.request FROM deliveries d JOIN messages m ON m.id = d.message_id WHERE m.genesys_message_id = $1"
        requests = [row["request"] for row in await self.place.rows(query + " AND d.target = 'whatsapp'", name)]
        assert len(requests) == 1
        return {key: requests[0][key] for key in ("to", "recipient") if key in requests[0]}

    async def contact_of(self, wamid: str) -> str:
        return str((await self.place.trace(wamid))["contact"]["id"])

    async def conversation_of(self, wamid: str) -> str:
        return str((await self.place.trace(wamid))["conversation"]["internalId"])


async def test_a_customer_with_a_new_phone_is_the_same_and_is_answered_on_it(place: Installation) -> None:
    talk = Talk(place)
    first = await talk.write("Ann", talk.ann, talk.old)
    second = await talk.write("Ann", talk.ann, talk.new)
    assert await talk.contact_of(first) == await talk.contact_of(second)
    assert await talk.conversation_of(first) == await talk.conversation_of(second)
    assert await talk.answer(first) == {"to": talk.new}


async def test_the_new_owner_of_a_phone_is_somebody_else_and_gets_nothing_of_the_former_ones(place: Installation) -> None:
    talk = Talk(place)
    first = await talk.write("Ann", talk.ann, talk.old)
    await talk.write("Ann", talk.ann, talk.new)
    bob = await talk.write("Bob", talk.bob, talk.old)
    assert await talk.contact_of(first) != await talk.contact_of(bob)
    assert await talk.conversation_of(first) != await talk.conversation_of(bob)
    assert await talk.answer(first) == {"to": talk.new}
    assert await talk.answer(bob) == {"to": talk.old}


async def test_who_lost_the_only_phone_is_answered_by_user_id_and_look_ups_find_the_new_owner(place: Installation) -> None:
    talk = Talk(place)
    ann = await talk.write("Ann", talk.ann, talk.old)
    assert (await place.state("GET", f"/state/mapping/{talk.old}")).json()["contactName"] == "Ann"
    bob = await talk.write("Bob", talk.bob, talk.old)
    assert await talk.answer(ann) == {"recipient": talk.ann}
    mapping = (await place.state("GET", f"/state/mapping/+{talk.old}")).json()
    assert (mapping["contactName"], mapping["internalId"]) == ("Bob", await talk.conversation_of(bob))
    assert (await place.state("GET", f"/state/mapping/{talk.old}")).json()["contactName"] == "Bob", "nor is it remembered"
    reverse = (await place.state("GET", f"/state/conversation/{await talk.conversation_of(ann)}")).json()
    assert (reverse["waId"], reverse["contactName"], reverse["phoneNumberId"]) == (None, "Ann", NUMBER)


async def test_who_last_wrote_without_a_phone_is_answered_by_user_id(place: Installation) -> None:
    talk = Talk(place)
    ann = await talk.write("Ann", talk.ann, talk.old)
    await talk.write("Ann", talk.ann, None)
    assert await talk.answer(ann) == {"recipient": talk.ann}
