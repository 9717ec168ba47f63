"""A customer's file on its way to the agent: in its message if it comes in time, else behind it, as a message of its own.

Nothing is doubled and nothing forgotten, because one party decides, in the order of events: the relay. A file's row commits
with `inbound.enriched`, so the event that tells what became of it (`media.stored`, `media.held`, `media.failed`) comes later.
Where `inbound.enriched` is relayed the row is locked: either the file is stored already, and goes along, or whoever finishes
it waits for this commit, and its event finds the delivery. That event then changes the delivery if nobody has begun to send
it, which the same UPDATE asks as it locks the row, or adds the file's own one: once, for an event has one delivery a target.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from waystate.channels.genesys.render import render_attachment
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Delivery, Target
from waystate.documents import JsonObject
from waystate.events.model import InboundEnriched, MediaFailed, MediaHeld, MediaStored
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.media import store as media_store
from waystate.media.headers import safe_name
from waystate.media.inbound import file_id_of
from waystate.media.links import FOR_GENESYS, Links
from waystate.media.model import FileState, MediaRecord
from waystate.tenants.model import GenesysIntegration
from waystate.tenants.routing import TenantView

GRACE = timedelta(seconds=5)
"""How long a message waits for its file. Most come within two seconds, and an agent rather reads one message than two; what the
customer writes meanwhile waits behind it, so it may not be long."""

Files = Mapping[UUID, MediaRecord]
"""By event."""
MakeDelivery = Callable[[Stamped, list[JsonObject]], Delivery]
"""Of a `media.stored` event and the `content` that tells where the file is."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """Whose files agents get, and under which addresses."""

    tenant: TenantId
    view: TenantView
    links: Links | None

    def integration_for(self, number: str) -> GenesysIntegration | None:
        """The one that gets the files of this number's customers, if one does."""
        account = self.view.accounts.get(number)
        if account is None or account.genesys_integration_id is None or account.sender != "waystate":
            return None
        found = self.view.integrations.get(account.genesys_integration_id)
        is_taken = self.view.settings.genesys_attachments and self.links is not None
        if found is None or found.sender != "waystate" or not is_taken:
            return None
        return found if self.links is not None and self.links.reaches(found.api_url) else None

    def attachment(self, file_id: UUID, kind: str, stored: MediaRecord | MediaStored) -> JsonObject:
        assert self.links is not None
        told_at = stored.at if isinstance(stored, MediaStored) else stored.stored_at
        assert told_at is not None
        sha256 = stored.sha256.hex() if isinstance(stored.sha256, bytes) else stored.sha256
        return render_attachment(
            file_id=str(file_id),
            kind=kind,
            # Counted from when it was stored, so that relaying it again is the same request.
            url=self.links.address(self.tenant, file_id, told_at + FOR_GENESYS),
            mime_type=stored.mime_type,
            # As it is called where it is loaded: an agent reads the name, and trusts its ending.
            filename=None if stored.filename is None else safe_name(stored.filename, stored.mime_type),
            sha256=sha256,
        )


async def lock_files(conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> dict[UUID, MediaRecord]:
    """The files of customers' messages, by event."""
    wanted = {each.id: file_id_of(each.event.media) for each in stamped if isinstance(each.event, InboundEnriched)}
    ids = {file_id for file_id in wanted.values() if file_id is not None}
    found = await media_store.lock_many(conn, tenant, ids) if ids else {}
    return {event_id: found[file_id] for event_id, file_id in wanted.items() if file_id is not None and file_id in found}


def with_files(
    deliveries: Sequence[Delivery], stamped: Sequence[Stamped], files: Files, attachments: Attachments
) -> list[Delivery]:
    """Deliveries of messages with a file have it, or are due later where it may come."""
    events = {each.id: each.event for each in stamped if each.id in files}
    return [_with_file(each, events.get(each.event_id), files.get(each.event_id), attachments) for each in deliveries]


def _with_file(delivery: Delivery, event: object, file: MediaRecord | None, attachments: Attachments) -> Delivery:
    if file is None or not isinstance(event, InboundEnriched) or delivery.target is not Target.GENESYS:
        return delivery
    if attachments.integration_for(event.phone_number_id) is None:
        return delivery
    match file.state:
        case FileState.STORED:
            content = [attachments.attachment(file.id, event.message_type, file)]
            return replace(delivery, request={**delivery.request, "content": content})
        case FileState.WAITING:
            return replace(delivery, due_at=delivery.created_at + GRACE)
    return delivery


async def follow_up(
    conn: Connection, tenant: TenantId, stamped: Sequence[Stamped], attachments: Attachments, make: MakeDelivery
) -> tuple[int, list[Delivery]]:
    """Put files that are stored now into messages that wait for them; how many, and the deliveries of those that came too late.

    After the deliveries of the same events were inserted.
    """
    over = [each.event.message_id for each in stamped if isinstance(each.event, MediaFailed | MediaHeld)]
    if over:
        await delivery_store.end_wait(conn, tenant, [each for each in over if each is not None])
    contents = {
        each.event.message_id: (each, [attachments.attachment(each.event.file_id, each.event.message_type, each.event)])
        for each in stamped
        if isinstance(each.event, MediaStored) and attachments.integration_for(each.event.phone_number_id) is not None
    }
    told = {key: found for key, found in contents.items() if key is not None}
    if not told:
        return len(over), []
    attached = await delivery_store.attach_many(conn, tenant, {key: content for key, (_, content) in told.items()})
    late = [key for key in told if key not in attached]
    # Of a message that nobody passed on nobody waits for the file; of one that has it, it is there.
    alone = await delivery_store.list_without_file(conn, tenant, late) if late else set()
    return len(over) + len(attached), [make(*told[key]) for key in late if key in alone]
