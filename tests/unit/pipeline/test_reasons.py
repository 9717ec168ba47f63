"""What an error says of the item it came of, and what its dead letter keeps."""

import asyncpg
import pytest

from tests.world import START
from waystate.dead_letters.model import PayloadUnusable, Pipeline
from waystate.errors import Reason, Rejected
from waystate.messages.model import Correlation
from waystate.pipeline.batch import Taken
from waystate.pipeline.reasons import letter_of, rejection_of
from waystate.pipeline.run import KINDS

ITEM = Correlation(conversation_id="c", whatsapp_message_id="w", origin="ledger:1:0.0.m0")


def test_a_rejection_is_taken_as_it_is() -> None:
    error = Rejected(Reason.MAPPING_NOT_FOUND, "No such message.")
    assert rejection_of(error) is error


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (asyncpg.StringDataRightTruncationError("value too long: secret"), Reason.INVALID_PAYLOAD, "cannot be stored"),
        (asyncpg.ProgramLimitExceededError("index row: secret"), Reason.INVALID_PAYLOAD, "cannot be stored"),
        (asyncpg.ForeignKeyViolationError("no such row"), Reason.DATABASE_ERROR, "ForeignKeyViolationError: no such row"),
        (KeyError("x"), Reason.DATABASE_ERROR, "KeyError"),
    ],
)
def test_every_other_error_has_one_reason(error: Exception, reason: Reason, said: str) -> None:
    rejection = rejection_of(error)
    assert rejection.reason is reason
    assert said in rejection.message
    assert "secret" not in rejection.message


def test_a_dead_letter_keeps_the_item_or_what_came() -> None:
    error = Rejected(Reason.MAPPING_NOT_FOUND, "No such message.")
    letter = letter_of(Taken(ITEM, START, ITEM.origin), error, KINDS)
    assert (letter.pipeline, letter.reason, letter.origin) == (Pipeline.CORRELATION, error.reason, ITEM.origin)
    assert KINDS.of(ITEM).restore(letter.original_payload) == ITEM
    unusable = PayloadUnusable([{"field": "wamid", "problem": "is missing"}])
    came = letter_of(Taken(unusable, START, "queue:in:1", {"text": "x"}, Pipeline.INBOUND), unusable, KINDS)
    assert (came.pipeline, came.original_payload, came.reason) == (Pipeline.INBOUND, {"text": "x"}, Reason.INVALID_PAYLOAD)
