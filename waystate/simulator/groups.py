"""Simulated WhatsApp groups: their people write in them, join, leave, and what the business sends reaches each of them.

Source: developers.facebook.com, WhatsApp Business Platform, Groups API: group messaging and webhooks for groups.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Literal

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, Unprocessable
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import WINDOW, Customer, render_inbound
from waystate.simulator.journal import CustomerMessage, Journal
from waystate.simulator.lines import Lines
from waystate.simulator.sentences import question
from waystate.simulator.webhooks import (
    MetaWebhooks,
    find_text,
    new_wamid,
    render_change,
    render_envelope,
    render_meta_body,
    without_none,
)

MOST_MEMBERS = 8
TAKEN = frozenset({"text", "image", "video", "audio", "document", "sticker", "template"})


@dataclass(slots=True, kw_only=True)
class SimulatedGroup:
    """It has no phone and no user id; in the journal it stands as a customer does."""

    id: str
    name: str
    members: list[Customer] = field(default_factory=list)
    state: Literal["active", "suspended", "deleted"] = "active"
    written: int = 0
    wrote_at: datetime | None = None

    @property
    def wa_id(self) -> None:
        return None

    @property
    def user_id(self) -> None:
        return None

    def may_get_free_text(self, at: datetime) -> bool:
        """Whoever of it wrote last."""
        return self.wrote_at is not None and at - self.wrote_at < WINDOW

    def render(self) -> JsonObject:
        return {"id": self.id, "subject": self.name, "state": self.state, "members": [each.id for each in self.members]}


class Groups:
    """Whatever is said in a group, or done to it, Waystate hears of it by signed webhooks, in order."""

    def __init__(
        self,
        config: SimulatorConfig,
        journal: Journal,
        webhooks: MetaWebhooks,
        lines: Lines,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._journal = journal
        self._webhooks = webhooks
        self._lines = lines
        self._clock = clock
        self._random = random
        self._by_id: dict[str, SimulatedGroup] = {}

    def all(self) -> list[SimulatedGroup]:
        return list(self._by_id.values())

    def waiting(self) -> int:
        """Messages that were written and not yet taken by Waystate."""
        return self._lines.waiting

    def find(self, group_id: str) -> SimulatedGroup | None:
        return self._by_id.get(group_id)

    def get(self, group_id: str) -> SimulatedGroup:
        group = self.find(group_id)
        if group is None:
            raise NotFound("unknown_group", f"There is no group {group_id}. See GET /simulator/groups.")
        return group

    def make(self, subject: str, members: Sequence[Customer]) -> SimulatedGroup:
        people = list({each.id: each for each in members}.values())
        _check_size(people)
        digits = "".join(filter(str.isdigit, self._config.display_phone_number))
        jid = f"capi_group:{digits}:120363{self._random.randrange(10**11, 10**12)}"
        group = SimulatedGroup(
            id=base64.urlsafe_b64encode(jid.encode()).decode().rstrip("=") + "ZD", name=subject, members=people
        )
        self._by_id[group.id] = group
        created = {"type": "group_create", "subject": subject, "request_id": self._request()}
        self._told("group_lifecycle_update", group, created)
        self._joined(group, people)
        return group

    def write(
        self,
        group: SimulatedGroup,
        member: Customer,
        text: str | None = None,
        message: JsonObject | None = None,
        wamid: str | None = None,
    ) -> CustomerMessage:
        """Put one message of a member into the group's line; their private conversation has no part in it."""
        if member not in group.members:
            raise Conflict("no_member", f"{member.id} is not in this group. Let them join first.")
        if group.state != "active":
            raise Conflict("group_unavailable", f"Nobody can write in this group: it is {group.state}.")
        group.written += 1
        group.wrote_at = self._clock()
        if message is None:
            body = question(self._random, group.written) if text is None else text
            message = {"type": "text", "text": {"body": body}}
        entry = CustomerMessage(
            customer=group.id,
            number=group.written,
            wamid=wamid or new_wamid(member.id, self._random),
            type=message["type"],
            text=find_text(message),
            at=group.wrote_at,
        )
        self._journal.add_written(entry)
        value = render_inbound(member, entry, {"group_id": group.id, **message})
        self._lines.append(group.id, partial(self._deliver, entry, render_meta_body(render_envelope(self._config, value))))
        return entry

    def join(self, group: SimulatedGroup, people: Sequence[Customer]) -> None:
        new = [each for each in people if each not in group.members]
        _check_size([*group.members, *new])
        group.members += new
        self._joined(group, new)

    def leave(self, group: SimulatedGroup, people: Sequence[Customer]) -> None:
        """Of their own will: WhatsApp names them by what it knows of them."""
        for each in people:
            if each not in group.members:
                raise Conflict("no_member", f"{each.id} is not in this group.")
            group.members.remove(each)
            said = {"type": "group_participants_remove", "initiated_by": "participant"}
            self._told("group_participants_update", group, said | {"removed_participants": [_render_person(each)]})

    def rename(self, group: SimulatedGroup, subject: str) -> None:
        group.name = subject
        changed = {"group_subject": {"text": subject, "update_successful": True}, "request_id": self._request()}
        self._told("group_settings_update", group, {"type": "group_settings_update"} | changed)

    def change_state(self, group: SimulatedGroup, state: Literal["active", "suspended", "deleted"]) -> None:
        if group.state == "deleted" or state == group.state:
            raise Conflict("group_state", f"The group is {group.state}.")
        group.state = state
        if state == "deleted":
            self._told("group_lifecycle_update", group, {"type": "group_delete", "request_id": self._request()})
        else:
            kind = "group_suspend" if state == "suspended" else "group_suspend_cleared"
            self._told("group_status_update", group, {"type": kind})

    async def _deliver(self, entry: CustomerMessage, body: bytes) -> None:
        entry.accepted = await self._webhooks.deliver(body)

    def _joined(self, group: SimulatedGroup, people: Sequence[Customer]) -> None:
        if people:
            said = {"type": "group_participants_add", "reason": "invite_link"}
            people_told = [_render_person(each) for each in people]
            self._told("group_participants_update", group, said | {"added_participants": people_told})

    def _told(self, name: str, group: SimulatedGroup, said: JsonObject) -> None:
        now = self._clock()
        stamped = {"timestamp": str(int(now.timestamp())), "group_id": group.id, **said}
        body = render_meta_body(render_change(self._config, name, {"groups": [stamped]}, now))
        self._lines.append(group.id, partial(self._deliver_change, body))

    async def _deliver_change(self, body: bytes) -> None:
        await self._webhooks.deliver(body)

    def _request(self) -> str:
        return self._random.randbytes(16).hex().upper()


def render_group_statuses(
    group: SimulatedGroup, wamid: str, opaque: str | None, status: str, at: int, said: JsonObject, *, is_whole: bool
) -> JsonObject:
    """Of the group as a whole once; else once for each person, whom Meta's pages name in either way."""
    report = {"id": wamid, "status": status, "timestamp": str(at), "recipient_id": group.id, "recipient_type": "group"}
    report = without_none({**report, "biz_opaque_callback_data": opaque, **said})
    if is_whole:
        return {"statuses": [report]}
    spellings = ("recipient_participant_id", "participant_recipient_id")
    told = [
        report | without_none({spellings[place % 2]: each.wa_id, "recipient_participant_user_id": each.user_id})
        for place, each in enumerate(group.members)
    ]
    people = [without_none({"wa_id": each.wa_id, "user_id": each.user_id}) for each in group.members]
    return {"contacts": people, "statuses": told}


def _render_person(customer: Customer) -> JsonObject:
    return without_none({"wa_id": customer.wa_id, "user_id": customer.user_id, "username": customer.username})


def _check_size(members: Sequence[Customer]) -> None:
    if not 2 <= len(members) <= MOST_MEMBERS:
        raise Unprocessable("group_size", f"A group has 2 to {MOST_MEMBERS} people besides the business; name other members.")
