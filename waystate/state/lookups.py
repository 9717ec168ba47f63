"""Look-ups: a customer's mapping and a conversation, from the process's memory or read in batches per tenant."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from uuid import UUID

from waystate.cache.process import ProcessCache
from waystate.clock import Clock
from waystate.contacts.model import Identity
from waystate.conversations.model import Conversation
from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.errors import NotFound, Refused
from waystate.ids import TenantId
from waystate.state import conversations
from waystate.state.conversations import Found
from waystate.state.mappings import no_number, number_of, parse_identity, render_mapping
from waystate.state.shared import SharedMappings, conversation_key, known, open_key
from waystate.tenants.routing import Directory, TenantView
from waystate.work.batch import Batcher
from waystate.work.loops import Hint

BATCH = 500

Forget = Callable[[TenantId, Iterable[UUID]], None]
"""Drops what is remembered of these contacts, here and in the other processes."""


class LookUps:
    """`find_…` answers from the `cache` or not at all, `get_…` reads. `forget` hears of every commit here."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        relay_hint: Hint,
        clock: Clock,
        *,
        cache: ProcessCache[bytes],
        forget: Forget,
        shared: SharedMappings | None = None,
    ) -> None:
        self._db = db
        self._directory = directory
        self._relay_hint = relay_hint
        self._clock = clock
        self._shared = shared
        self.cache = cache
        self.forget_contacts = forget
        self._mappings = Batcher(self._flush_mappings, limit=BATCH)
        self._conversations = Batcher(self._flush_conversations, limit=BATCH)

    def find_mapping(self, tenant: TenantId, wa_id: str, number: str | None) -> bytes | None:
        return self.cache.find((tenant, wa_id, number))

    async def get_mapping(self, tenant: TenantId, wa_id: str, number: str | None) -> bytes:
        """The customer's open conversation, which is opened where there is none."""
        identity = parse_identity(wa_id)
        view = await self._directory.get_tenant(tenant)
        if number and number not in view.accounts:
            view = await self._directory.get_tenant_now(tenant)
        wanted = number_of(view, number)
        stamp = self.cache.stamp()
        found = await self._mappings.submit(tenant, (identity, wanted))
        if isinstance(found, Refused):
            raise found
        body = render_mapping(found, wa_id, view)
        if not found.is_new:
            self._fill((tenant, wa_id, number), tenant, found.conversation, body, stamp)
        return body

    def find_conversation(self, tenant: TenantId, conversation_id: str) -> bytes | None:
        return self.cache.find((tenant, conversation_id))

    async def get_conversation(self, tenant: TenantId, conversation_id: str) -> bytes:
        view = await self._directory.get_tenant(tenant)
        stamp = self.cache.stamp()
        conversation = await self._conversations.submit(tenant, clean_text(conversation_id))
        if conversation is None:
            raise NotFound(
                "conversation_not_found",
                "No conversation has this id, neither Genesys' nor Waystate's. Look it up by the customer with "
                "GET /state/mapping/{waId}.",
            )
        body = self._render(conversation, view)
        self._fill((tenant, conversation_id), tenant, conversation, body, stamp)
        return body

    def _render(self, conversation: Conversation, view: TenantView) -> bytes:
        return render_mapping(Found(conversation), conversation.wa_id, view, now=self._clock())

    def _fill(self, key: Hashable, tenant: TenantId, conversation: Conversation, body: bytes, stamp: int) -> None:
        lifetime = (conversation.expires_at - self._clock()).total_seconds()
        self.cache.fill(key, body, (tenant, conversation.contact_id), stamp, lifetime)

    async def _flush_mappings(self, tenant: TenantId, wanted: Sequence[tuple[Identity, str]]) -> Sequence[Found | Refused]:
        if self._shared is None:
            return await self._read_mappings(tenant, wanted)
        keys = [open_key(identity, number) for identity, number in wanted]
        return await self._shared.find_many(
            tenant, keys, lambda places: self._read_mappings(tenant, [wanted[each] for each in places]), Found, known
        )

    async def _read_mappings(self, tenant: TenantId, wanted: Sequence[tuple[Identity, str]]) -> list[Found | Refused]:
        view = await self._directory.get_tenant(tenant)
        if view.default_account is None:
            view = await self._directory.get_tenant_now(tenant)
        default = view.default_account.phone_number_id if view.default_account is not None else None
        if default is not None or all(number for _, number in wanted):
            return await self._get_or_open(tenant, view, wanted, default or "")
        found = await conversations.find_open_many(tenant, wanted, self._db, self._clock)
        return [Found(each) if each is not None else no_number() for each in found]

    async def _get_or_open(
        self, tenant: TenantId, view: TenantView, wanted: Sequence[tuple[Identity, str]], default: str
    ) -> list[Found | Refused]:
        answers = await conversations.get_or_open_many(tenant, view.settings, wanted, default, self._db, self._clock)
        opened = {each.conversation.contact_id for each in answers if each.is_new}
        if opened:
            self.forget_contacts(tenant, opened)
            self._relay_hint.give_later(tenant)
        return list(answers)

    async def _flush_conversations(self, tenant: TenantId, ids: Sequence[str]) -> Sequence[Conversation | None]:
        if self._shared is None:
            return await conversations.find_conversations(tenant, ids, self._db)
        keys = [conversation_key(each) for each in ids]
        return await self._shared.find_many(
            tenant, keys, lambda places: conversations.find_conversations(tenant, [ids[each] for each in places], self._db)
        )
