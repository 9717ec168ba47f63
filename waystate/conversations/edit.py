"""What people write on a conversation: its subject, its tags, what they note with it, whether it waits for an agent."""

from collections.abc import Collection, Mapping
from typing import Any

from waystate.conversations import store
from waystate.conversations.assign import Deed
from waystate.conversations.control import is_held_by
from waystate.conversations.model import Conversation, ConversationStatus, Described
from waystate.conversations.read import etag_of
from waystate.documents import JsonObject, dump, merge_patch
from waystate.errors import Conflict, PreconditionFailed, Unprocessable
from waystate.events.model import ConversationChanged
from waystate.web.fields import MOST_BYTES


async def edit(
    deed: Deed, seen: Conversation, fields: Mapping[str, Any], expected: Collection[str] | None
) -> list[ConversationChanged]:
    """`seen`: the conversation as people see it, read under the lock. `fields`: JSON Merge Patch. `expected`: tags of what the
    caller has seen; None: whatever it is. Of one that has ended only its status stays as it is."""
    tag = etag_of(seen, deed.now)
    if expected is not None and tag not in expected:
        raise PreconditionFailed(
            "changed_meanwhile",
            "The conversation was edited since you read it. Read it again, look at what changed, and send your change with the "
            "new ETag.",
            etag=tag,
        )
    before = seen.shown or Described()
    subject = fields.get("subject", before.subject)
    tags = set(fields.get("tags", before.tags) or ())
    metadata = _merged(before.metadata, fields)
    status = _status(deed, seen, fields)
    added, removed = sorted(tags - set(before.tags)), sorted(set(before.tags) - tags)
    changes = {
        "subject": subject != before.subject,
        "tags": bool(added or removed),
        "metadata": metadata != before.metadata,
        "status": status != seen.status,
    }
    if is_held_by(deed.conversation, deed.doer.speaker):
        await store.note_act(deed.conn, deed.tenant, seen.id, deed.now)
    changed = [name for name, is_other in changes.items() if is_other]
    if not changed:
        return []
    await store.edit_one(deed.conn, deed.tenant, seen.id, subject=subject, metadata=metadata, status=status)
    await store.tag_one(deed.conn, deed.tenant, seen.id, add=added, remove=removed)
    return [
        ConversationChanged(
            mapping_id=seen.id,
            contact_id=seen.contact_id,
            phone_number_id=seen.phone_number_id,
            wa_id=seen.wa_id,
            at=deed.now,
            by=deed.doer.name,
            fields=changed,
            tags_added=added,
            tags_removed=removed,
            status=status if "status" in changed else None,
        )
    ]


def _merged(before: JsonObject, fields: Mapping[str, Any]) -> JsonObject:
    if "metadata" not in fields:
        return before
    merged = {} if fields["metadata"] is None else merge_patch(before, fields["metadata"])
    if len(dump(merged).encode()) > MOST_BYTES:
        raise Unprocessable("too_long", f"`metadata` would be longer than {MOST_BYTES} bytes of JSON. Take something away.")
    return merged


def _status(deed: Deed, seen: Conversation, fields: Mapping[str, Any]) -> ConversationStatus:
    wanted = fields.get("status")
    if wanted is None:
        return seen.status
    if not seen.is_open(deed.now):
        raise Conflict(
            "conversation_ended",
            f"The conversation is {seen.effective_status(deed.now)}: its status stays. What somebody closed can be reopened.",
        )
    if seen.status is ConversationStatus.ERROR and wanted == ConversationStatus.WAITING:
        raise Conflict("conversation_in_error", "A platform refuses the conversation. Make it `active` once that is mended.")
    return ConversationStatus(wanted)
