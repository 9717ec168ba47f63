"""Why an item came to nothing: the one place where an error becomes a reason, and a reason a dead letter. Pure."""

from waystate.db.failures import is_unstorable
from waystate.dead_letters.model import DeadLetter
from waystate.errors import Reason, Rejected
from waystate.pipeline.batch import Taken
from waystate.pipeline.items import Kinds


def rejection_of(error: Exception) -> Rejected:
    """What an error says of the single item it came of. An outage is no item's fault and never gets here."""
    if isinstance(error, Rejected):
        return error
    if is_unstorable(error):
        text = "The item cannot be stored: a value is too long or out of range. Edit it, then replay it."
        return Rejected(Reason.INVALID_PAYLOAD, text)
    return Rejected(Reason.DATABASE_ERROR, f"It failed in our own code or in the database. {type(error).__name__}: {error}")


def letter_of(taken: Taken, error: Rejected, kinds: Kinds) -> DeadLetter:
    """Keeps what the door said is to be kept, else the item's own fields."""
    pipeline, kept = taken.pipeline, taken.kept
    if pipeline is None or kept is None:
        kind = kinds.of(taken.item)
        pipeline, kept = kind.pipeline, kind.keep(taken.item) if kept is None else kept
    return DeadLetter(
        pipeline=pipeline,
        reason=error.reason,
        error_message=error.message,
        original_payload=kept,
        origin=taken.origin,
    )
