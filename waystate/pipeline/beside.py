"""The work of items of WhatsApp's webhooks that are neither a customer's message nor a status."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from waystate.account_events.record import record_many
from waystate.channels.model import AccountReport, TemplateReport
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, person_of
from waystate.contacts.spellings import other_identities
from waystate.dead_letters.model import DONE_BEFORE, Verdict
from waystate.errors import Reason, Rejected
from waystate.events.model import CallReported, ContactNamed, Event, MessageEchoed, PreferencesChanged
from waystate.messages import call, echo, past
from waystate.messages.model import AddressBookEntry, CallReport, EchoedMessage, PastMessage
from waystate.pipeline.batch import Batch, Judged
from waystate.preferences import store as preference_store
from waystate.preferences.model import Preference, PreferenceReport
from waystate.templates.change import apply_reports

_NO_TEMPLATE = ("template", "it is of a template that the account does not have, as far as it is known")
_UNKNOWN = ("contact", "nobody with this phone has written, so there is no customer to name")


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


async def run_history(batch: Batch, messages: Sequence[PastMessage]) -> Judged:
    """Messages of before the number came here: nobody is told of them."""
    kept = await past.keep_many(batch.conn, batch.tenant, messages, batch.now)
    new, completed = set(kept.new), set(kept.completed)
    verdicts: list[Verdict] = []
    for each in messages:
        if each.wamid in new:
            verdicts.append(Verdict("It is kept as history."))
        else:
            verdicts.append(Verdict("Its file is known now.") if each.wamid in completed else DONE_BEFORE)
        new.discard(each.wamid)
    return Judged(verdicts, list(kept.events))


async def run_address_book(batch: Batch, entries: Sequence[AddressBookEntry]) -> Judged:
    """What the business calls its customers is the name of those who gave none; who never wrote is nobody's contact yet."""
    named = {Identity(IdentityKind.WA_ID, each.wa_id): each for each in sorted(entries, key=lambda one: one.at)}
    owners = await _owners_of(batch, named)
    wanted = {owners[identity]: each.name for identity, each in named.items() if identity in owners}
    given = await contact_store.name_nameless(batch.conn, batch.tenant, wanted) if wanted else set()
    events: dict[UUID, Event] = {}
    verdicts: list[Verdict] = []
    for each in entries:
        contact = owners.get(Identity(IdentityKind.WA_ID, each.wa_id))
        if contact is None:
            verdicts.append(Verdict(f"Nothing is done: {_UNKNOWN[1]}.", aside=_UNKNOWN))
        elif contact in given and contact not in events:
            number, name = each.phone_number_id, wanted[contact]
            events[contact] = ContactNamed(
                contact_id=contact, phone_number_id=number, at=batch.now, wa_id=each.wa_id, contact_name=name
            )
            verdicts.append(Verdict("The customer has a name now.", (events[contact],)))
        else:
            verdicts.append(DONE_BEFORE)
    return Judged(verdicts, list(events.values()))


async def _owners_of(batch: Batch, identities: Iterable[Identity]) -> dict[Identity, UUID]:
    """Whose each phone is, in whichever spelling it is known, of those that are somebody's."""
    asked = list(identities)
    spelled = other_identities(asked)
    owners, _ = await contact_store.find_many(batch.conn, batch.tenant, {*asked, *spelled.values()})
    found = {each: owners.get(each) or owners.get(spelled.get(each, each)) for each in asked}
    return {each: contact for each, contact in found.items() if contact is not None}


async def run_preferences(batch: Batch, reports: Sequence[PreferenceReport]) -> Judged:
    """What customers want of marketing messages; who is not known becomes a contact, so that their word is kept."""
    people = [person_of(each.wa_id, each.user_id, each.contact_name, each.at) for each in reports]
    number = reports[0].phone_number_id
    contacts, events = await echo.find_or_make(batch.conn, batch.tenant, people, number, batch.now)
    said = [
        Preference(each.phone_number_id, contact, each.marketing, each.at, "webhook", each.detail)
        for each, contact in zip(reports, contacts, strict=True)
    ]
    changed = {each.key: each for each in await preference_store.note_many(batch.conn, batch.tenant, said)}
    verdicts: list[Verdict] = []
    for report, preference in zip(reports, said, strict=True):
        if changed.get(preference.key) != preference:
            verdicts.append(DONE_BEFORE)
            continue
        del changed[preference.key]
        event = PreferencesChanged(
            contact_id=preference.contact_id,
            phone_number_id=preference.phone_number_id,
            at=batch.now,
            wa_id=report.wa_id,
            user_id=report.user_id,
            marketing=preference.marketing.value,
            detail=preference.detail,
            timestamp=preference.at,
        )
        events.append(event)
        verdicts.append(Verdict("It is kept what the customer wants.", (event,)))
    return Judged(verdicts, events)


async def run_calls(batch: Batch, calls: Sequence[CallReport]) -> Judged:
    """Calls that WhatsApp tells of: each of its events once, and the customer's sign in their window."""
    events = await call.report_many(batch.conn, batch.tenant, batch.view.settings, calls, batch.now)
    new = {(event.call_id, event.event): event for event in events if isinstance(event, CallReported)}
    verdicts: list[Verdict] = []
    for each in calls:
        event = new.pop((each.call_id, each.event), None)
        verdicts.append(DONE_BEFORE if event is None else Verdict("The call is told of.", (event,)))
    return Judged(verdicts, events)


async def run_templates(batch: Batch, reports: Sequence[TemplateReport]) -> Judged:
    """What webhooks tell of templates; an older word than what is known changes nothing."""
    accounts = {each.business_account_id for each in batch.view.accounts.values()}
    own = [each for each in reports if each.business_account_id in accounts]
    told = iter(await apply_reports(batch.conn, batch.tenant, own, batch.now) if own else ())
    verdicts: list[Verdict] = []
    events: list[Event] = []
    for report in reports:
        if report.business_account_id not in accounts:
            text = f"Business account {report.business_account_id} is none of this tenant's. Add its account, then replay this."
            verdicts.append(Verdict(error=Rejected(Reason.UNKNOWN_TENANT, text)))
            continue
        template, event = next(told)
        events += [event] if event is not None else []
        if template is None:
            verdicts.append(Verdict(f"Nothing is done: {_NO_TEMPLATE[1]}.", aside=_NO_TEMPLATE))
        else:
            verdicts.append(Verdict("The template is changed.", (event,)) if event is not None else DONE_BEFORE)
    return Judged(verdicts, events)
