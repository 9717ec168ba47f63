"""Look-ups through Redis: what another process has read already is not read from PostgreSQL again."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, overload
from uuid import UUID

from waystate import documents
from waystate.cache.second_level import CacheEntry, SecondLevel
from waystate.clock import Clock
from waystate.contacts.model import Identity
from waystate.conversations.model import Conversation, ConversationStatus
from waystate.errors import Refused
from waystate.ids import TenantId
from waystate.state.conversations import Found

T = TypeVar("T")
Load = Callable[[list[int]], Awaitable[Sequence[T]]]
Wrap = Callable[[Conversation], T]
Unwrap = Callable[[T], Conversation | None]

_MISSING = object()


def _same(value: Any) -> Any:
    return value


class SharedMappings:
    """Only open conversations are kept, and no longer than they are: what became of a closed one, PostgreSQL says."""

    def __init__(self, second: SecondLevel, clock: Clock) -> None:
        self._second = second
        self._clock = clock

    @overload
    async def find_many(
        self, tenant: TenantId, keys: Sequence[str], load: Load[Conversation | None]
    ) -> Sequence[Conversation | None]: ...

    @overload
    async def find_many(
        self, tenant: TenantId, keys: Sequence[str], load: Load[T], wrap: Wrap[T], unwrap: Unwrap[T]
    ) -> Sequence[T]: ...

    async def find_many(
        self, tenant: TenantId, keys: Sequence[str], load: Load[Any], wrap: Wrap[Any] = _same, unwrap: Unwrap[Any] = _same
    ) -> Sequence[Any]:
        """In the order of `keys`, which are `open_key`'s or `conversation_key`'s.

        `load` reads the answers for the places that are not remembered; `unwrap` gives the conversation of an answer that may
        be remembered, `wrap` makes an answer of one that is.
        """
        recalled = await self._second.find_many(tenant, keys)
        found = [parse_conversation(tenant, value) if value is not None else None for value in recalled.values]
        answers: list[Any] = [wrap(each) if each is not None else _MISSING for each in found]
        missing = [place for place, each in enumerate(answers) if each is _MISSING]
        if not missing:
            return answers
        entries = []
        now = self._clock()
        for place, answer in zip(missing, await load(missing), strict=True):
            answers[place] = answer
            conversation = unwrap(answer)
            if conversation is not None and conversation.is_open(now):
                entries.append(render_entry(tenant, keys[place], conversation))
        self._second.fill_later(tenant, entries, recalled)
        return answers


def known(answer: Found | Refused) -> Conversation | None:
    """What was opened just now is remembered from its next look-up on, which says so no more."""
    return answer.conversation if isinstance(answer, Found) and not answer.is_new else None


def open_key(identity: Identity, number: str) -> str:
    """The open conversation of an identity on a number; on "" its latest on any."""
    return f"{identity.kind}:{number}:{identity.external_id}"


def conversation_key(conversation_id: str) -> str:
    """Ours or Genesys'."""
    return f"conv:{conversation_id}"


def render_entry(tenant: TenantId, key: str, conversation: Conversation) -> CacheEntry:
    last = conversation.last_customer_message_at
    row = [
        tenant,
        str(conversation.id),
        str(conversation.contact_id),
        conversation.phone_number_id,
        conversation.wa_id,
        conversation.genesys_conversation_id,
        conversation.communication_id,
        conversation.status,
        conversation.expires_at.isoformat(),
        conversation.last_activity_at.isoformat(),
        None if last is None else last.isoformat(),
        conversation.version,
        conversation.contact_name,
        conversation.user_id,
        None if conversation.window_from is None else conversation.window_from.isoformat(),
    ]
    return CacheEntry(
        key=key,
        subject=str(conversation.contact_id),
        item=str(conversation.id),
        version=conversation.version,
        expires_at=conversation.expires_at,
        value=documents.dump(row).encode(),
    )


def parse_conversation(tenant: TenantId, value: bytes) -> Conversation | None:
    """None for what another release wrote, and for another tenant's, should it ever come here: a second wall."""
    row: Any = documents.parse(value)
    if not isinstance(row, list) or len(row) != 15 or row[0] != tenant:
        return None
    return Conversation(
        id=UUID(row[1]),
        contact_id=UUID(row[2]),
        phone_number_id=row[3],
        wa_id=row[4],
        genesys_conversation_id=row[5],
        communication_id=row[6],
        status=ConversationStatus(row[7]),
        expires_at=datetime.fromisoformat(row[8]),
        last_activity_at=datetime.fromisoformat(row[9]),
        last_customer_message_at=None if row[10] is None else datetime.fromisoformat(row[10]),
        version=row[11],
        contact_name=row[12],
        user_id=row[13],
        window_from=None if row[14] is None else datetime.fromisoformat(row[14]),
    )
