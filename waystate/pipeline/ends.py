"""The work of ends: what Genesys says of conversations that are over there."""

from collections.abc import Sequence

from waystate.conversations import close
from waystate.conversations import store as conversation_store
from waystate.conversations.close import NotClosed
from waystate.conversations.model import ConversationEnd
from waystate.dead_letters.model import Verdict
from waystate.deliveries import store as delivery_store
from waystate.events.model import ConversationClosed
from waystate.pipeline.batch import Batch, Judged


async def run_ends(batch: Batch, ends: Sequence[ConversationEnd]) -> Judged:
    """A conversation goes on while a message of its customer has not reached Genesys, which begins anew with it.

    What closes nothing is kept with the webhook that brought it.
    """
    found = await conversation_store.find_many(batch.conn, batch.tenant, [each.conversation_id for each in ends])
    ids = sorted({each.id for each in found if each is not None})
    busy = await delivery_store.find_on_their_way(batch.conn, batch.tenant, ids) if ids else set()
    results = await close.close_ended(batch.conn, batch.tenant, ends, busy, batch.now)
    return Judged(
        [_verdict_of(end, result) for end, result in zip(ends, results, strict=True)],
        [result for result in results if isinstance(result, ConversationClosed)],
    )


def _verdict_of(end: ConversationEnd, result: ConversationClosed | NotClosed) -> Verdict:
    if isinstance(result, ConversationClosed):
        return Verdict("The conversation is closed.", (result,))
    is_repeat = result is NotClosed.DONE
    return Verdict(f"Nothing is done: {result.value}.", aside=(end.event or "end", result.value), is_repeat=is_repeat)
