"""What dead letters are handed for a replay: their payloads as items again, run as live traffic is."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from waystate.db.pool import Connection
from waystate.dead_letters.model import Pipeline, Verdict
from waystate.dead_letters.replay import Rerun
from waystate.dead_letters.store import Row
from waystate.documents import JsonObject
from waystate.errors import Rejected
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.pipeline.batch import Batch, Judged
from waystate.pipeline.items import FROM_QUEUE, Kind, Kinds, check_edit
from waystate.pipeline.reasons import rejection_of
from waystate.pipeline.run import KINDS
from waystate.tenants.routing import Directory, TenantView


def check_edited(letter: Row, edited: JsonObject, kinds: Kinds = KINDS) -> None:
    """`Rejected` where the letter's pipeline cannot take the edited payload."""
    check_edit(_kind_of(letter, kinds)[0], letter["original_payload"], edited)
    kinds.read_letter(Pipeline(letter["pipeline"]), edited, origin=letter["origin"], received_at=letter["created_at"])


def fields_of(letter: Row, kinds: Kinds = KINDS) -> dict[str, bool]:
    """What the letter's payload may have, and whether each is a text."""
    kind, is_queued = _kind_of(letter, kinds)
    return kind.fields(is_queued=is_queued)


def _kind_of(letter: Row, kinds: Kinds) -> tuple[Kind, bool]:
    """And whether the payload is a queue's message as it came."""
    is_queued = letter["origin"].startswith(FROM_QUEUE)
    return kinds.of_letter(Pipeline(letter["pipeline"]), letter["original_payload"], is_queued=is_queued), is_queued


class Replays:
    """`lanes` are those that deliveries fall into."""

    def __init__(self, directory: Directory, *, lanes: int, kinds: Kinds = KINDS) -> None:
        self._directory = directory
        self._lanes = lanes
        self._kinds = kinds

    async def begin(self, tenant: TenantId) -> Rerun:
        return partial(self._run, await self._directory.get_tenant_now(tenant))

    def check(self, letter: Row, edited: JsonObject) -> None:
        check_edited(letter, edited, self._kinds)

    def rejection_of(self, error: Exception) -> Rejected:
        return rejection_of(error)

    async def _run(
        self, view: TenantView, conn: Connection, tenant: TenantId, letters: Sequence[Row], now: datetime
    ) -> tuple[list[Verdict], list[Event]]:
        """A verdict for each of these letters of one pipeline, and the events in the order to append them."""
        items = [self._item_of(letter) for letter in letters]
        usable = [each for each in items if not isinstance(each, Rejected)]
        judged = Judged()
        if usable:
            batch = Batch(conn, tenant, view, now, self._lanes, is_replay=True)
            judged = await self._kinds.works[type(usable[0])](batch, usable)
        verdicts = iter(judged.verdicts)
        return [Verdict(error=each) if isinstance(each, Rejected) else next(verdicts) for each in items], judged.events

    def _item_of(self, letter: Row) -> object:
        payload = letter["original_payload"] if letter["edited_payload"] is None else letter["edited_payload"]
        try:
            return self._kinds.read_letter(
                Pipeline(letter["pipeline"]), payload, origin=letter["origin"], received_at=letter["created_at"]
            )
        except Rejected as error:
            return error
