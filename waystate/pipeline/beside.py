"""The work of items of WhatsApp's webhooks that are neither a customer's message nor a status."""

from collections.abc import Sequence

from waystate.account_events.record import record_many
from waystate.channels.model import AccountReport
from waystate.dead_letters.model import DONE_BEFORE, Verdict
from waystate.events.model import MessageEchoed
from waystate.messages import echo
from waystate.messages.model import EchoedMessage
from waystate.pipeline.batch import Batch, Judged


async def run_account_reports(batch: Batch, reports: Sequence[AccountReport]) -> Judged:
    """What is said of accounts and numbers as such; a copy of what is known changes nothing."""
    recorded = await record_many(batch.conn, batch.tenant, batch.view.accounts.values(), reports, batch.now)
    new = recorded.events
    verdicts = [
        Verdict("It stands on the account's timeline.", (new[place],)) if place in new else DONE_BEFORE
        for place in range(len(reports))
    ]
    return Judged(verdicts, list(new.values()))


async def run_echoes(batch: Batch, echoes: Sequence[EchoedMessage]) -> Judged:
    """What the business wrote on a phone: kept with the customer's conversation, and sent nowhere."""
    events = await echo.record_many(batch.conn, batch.tenant, batch.view.settings, echoes, batch.now)
    new = {event.wamid: event for event in events if isinstance(event, MessageEchoed)}
    verdicts: list[Verdict] = []
    for each in echoes:
        event = new.pop(each.wamid, None)
        verdicts.append(DONE_BEFORE if event is None else Verdict("It is kept with the conversation.", (event,)))
    return Judged(verdicts, events)
