"""Templates are asked of WhatsApp: hourly, when somebody says so, and once when a message names one that is not known."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import structlog

from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome, TemplateReport
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.template_reports import find_listed
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.errors import NotFound
from waystate.events import outbox
from waystate.ids import TenantId
from waystate.templates import store
from waystate.templates.change import Listing, apply_listing
from waystate.templates.check import check, explain_unknown
from waystate.templates.model import AGAIN, EVERY, STALE, Template, TemplateSync, find_refusal
from waystate.tenants.model import TenantStatus, WhatsAppAccount
from waystate.tenants.routing import Directory, TenantView
from waystate.work import store as work_store
from waystate.work.batch import with_retries
from waystate.work.loops import Hint

log = structlog.get_logger()

LONGEST = 60.0
"""Seconds for one listing, with all its pages."""
LOOK_EVERY = timedelta(seconds=10)
"""Between looks at which accounts are due, of all processes together."""
BATCH = 20
"""Accounts a look."""
HELPED = 10
"""Unknown templates of one call for which similar names are looked for."""
AT_ONCE = 4
"""Listings under way, a process."""
_NO_ACTIVE_ACCOUNT = "no_active_account"
"""The `code` of an account that nobody sends for: nothing is amiss."""
_LONG_AGO, _ANY_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_OF_CREDENTIALS = frozenset({FailureKind.AUTH, FailureKind.ACCOUNT})


class Synced(NamedTuple):
    """What became of one account: what the `listing` changed, or the `error` that left everything as it was known."""

    business_account_id: str
    listing: Listing | None = None
    error: JsonObject | None = None


class TemplateSend(NamedTuple):
    """A template message that somebody wants to send; `components` is WhatsApp's own object of a send."""

    business_account_id: str
    name: str
    language: str
    components: Sequence[Any] | None = None


class TemplateVerdict(NamedTuple):
    """Why a message cannot be sent, a sentence each; none: it can. `is_doubtful`: `find_or_sync` may know more by now.

    `category`: WhatsApp's, of a template that is known.
    """

    problems: list[str]
    is_doubtful: bool
    category: str | None = None


class TemplateSyncs:
    """One a process: of callers that want one account listed at once, one asks and all get its answer."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        graph: GraphClient,
        relay_hint: Hint,
        clock: Clock,
        *,
        every: timedelta = EVERY,
    ) -> None:
        self._db = db
        self._directory = directory
        self._graph = graph
        self._relay_hint = relay_hint
        self._clock = clock
        self._every = every
        self._flights: dict[tuple[TenantId, str], asyncio.Task[Synced | None]] = {}

    async def sync_many(self, tenant: TenantId, business_account_ids: Collection[str]) -> list[Synced]:
        """List these accounts now, each once, however many numbers it has. With no transaction open."""
        wanted = sorted(set(business_account_ids))
        limit = asyncio.Semaphore(AT_ONCE)

        async def sync(business_account_id: str) -> Synced:
            async with limit:
                # None: what it joined was no listing, since another process has just asked.
                while (synced := await self._fly(tenant, business_account_id, asked_by=_ANY_TIME)) is None:
                    pass
                return synced

        return list(await asyncio.gather(*(sync(each) for each in wanted)))

    async def sync_due(self) -> list[Synced]:
        """List accounts that are due; those that another process has taken are left to it."""
        now = self._clock()
        async with self._db.work() as conn:
            if not await work_store.tick(conn, "templates", now=now, every=LOOK_EVERY):
                return []
            due = await store.list_due(conn, now, BATCH)
        limit = asyncio.Semaphore(AT_ONCE)

        async def sync(tenant: TenantId, business_account_id: str) -> Synced | None:
            async with limit:
                return await self._fly(tenant, business_account_id, due_by=now)

        results = await asyncio.gather(*(sync(*each) for each in due), return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                log.warning("An account's templates could not be listed; it is tried again.", error=str(error))
        done = [each for each in results if isinstance(each, Synced)]
        for code in {each.error.get("code") for each in done if each.error is not None} - {_NO_ACTIVE_ACCOUNT}:
            log.warning("Templates could not be listed; what is known of them stays.", operation="templates", code=code)
        return done

    async def find_or_sync(
        self, tenant: TenantId, business_account_id: str, keys: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Template]:
        """Templates of an account by (name, language), after one listing if one of them is missing or may not be sent.

        An account is asked so once in `STALE`, whoever misses what. With no transaction open.
        """
        async with self._db.tenant(tenant) as conn:
            known = await store.find_many(conn, tenant, business_account_id, keys)
        if all(key in known and _is_usable(known[key]) for key in keys):
            return known
        if await self._fly(tenant, business_account_id, asked_by=self._clock() - STALE) is None:
            return known
        async with self._db.tenant(tenant) as conn:
            return await store.find_many(conn, tenant, business_account_id, keys)

    async def close(self) -> None:
        """Break off what is under way: it has written nothing, and is due again."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(
        self, tenant: TenantId, business_account_id: str, *, due_by: datetime = _LONG_AGO, asked_by: datetime = _LONG_AGO
    ) -> Synced | None:
        """What came of the listing that is under way in this process, or of a new one; None: another process has asked."""
        key = tenant, business_account_id
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._ask(tenant, business_account_id, due_by, asked_by))
            flight.add_done_callback(lambda task: self._land(key, task))
        # Shielded: a caller that gives up must not take the others' answer with it.
        return await asyncio.shield(flight)

    def _land(self, key: tuple[TenantId, str], flight: "asyncio.Task[Synced | None]") -> None:
        self._flights.pop(key, None)
        # When every caller gave up, nobody is left to look at an error.
        _ = flight.cancelled() or flight.exception()

    async def _ask(self, tenant: TenantId, business_account_id: str, due_by: datetime, asked_by: datetime) -> Synced | None:
        async def claim() -> bool:
            now = self._clock()
            async with self._db.tenant(tenant) as conn:
                return await store.claim(
                    conn, tenant, business_account_id, now=now, due_at=now + AGAIN, due_by=due_by, asked_by=asked_by
                )

        return await self._sync(tenant, business_account_id) if await with_retries(claim) else None

    async def _sync(self, tenant: TenantId, business_account_id: str) -> Synced:
        at = self._clock()
        view = await self._directory.find_tenant(tenant)
        accounts = accounts_of(view, business_account_id)
        if not accounts:
            error = {"code": _NO_ACTIVE_ACCOUNT, "message": "No number of this business account is active."}
            return await self._fail(tenant, business_account_id, error, at, max(self._every, AGAIN))
        listed = await self._list(accounts, business_account_id)
        if isinstance(listed, AttemptResult):
            error = listed.error or {"code": "not_listed"}
            # Until somebody mends a token, it is refused.
            again = self._every if error.get("kind") in _OF_CREDENTIALS else AGAIN
            return await self._fail(tenant, business_account_id, error, at, max(again, AGAIN))
        reports = [each for entry in listed if (each := find_listed(entry, business_account_id, at)) is not None]
        if listed and not reports:
            error = {"code": "unreadable_answer", "message": "the API's list has no templates that can be read"}
            return await self._fail(tenant, business_account_id, error, at, AGAIN)
        return Synced(business_account_id, await with_retries(partial(self._apply, tenant, business_account_id, reports, at)))

    async def _list(self, accounts: Sequence[WhatsAppAccount], business_account_id: str) -> list[Any] | AttemptResult:
        """By the first token that may: those of an account's numbers may differ, and one of them be out of date."""
        result: list[Any] | AttemptResult = []
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                for account in {(each.api_url, each.access_token): each for each in accounts}.values():
                    result = await self._graph.list_templates(
                        api_url=account.api_url, business_account_id=business_account_id, access_token=account.access_token
                    )
                    if not isinstance(result, AttemptResult) or (result.error or {}).get("kind") not in _OF_CREDENTIALS:
                        return result
                return result
        message = f"WhatsApp did not list the templates within {LONGEST:.0f} seconds."
        return AttemptResult(outcome=Outcome.FAILED, error={"code": "too_slow", "message": message})

    async def _apply(self, tenant: TenantId, account: str, reports: Sequence[TemplateReport], at: datetime) -> Listing:
        async with self._db.tenant(tenant) as conn:
            listing = await apply_listing(conn, tenant, account, reports, at, self._clock(), every=self._every)
            await outbox.append_many(conn, tenant, listing.events)
        if listing.events:
            self._relay_hint.give(tenant)
        return listing

    async def _fail(self, tenant: TenantId, account: str, error: JsonObject, at: datetime, again: timedelta) -> Synced:
        async def note() -> None:
            async with self._db.tenant(tenant) as conn:
                await store.note_failed(conn, tenant, account, error, at, self._clock() + again)

        await with_retries(note)
        return Synced(account, error=error)


class TemplateRounds:
    """The loop that lists accounts when they are due."""

    def __init__(self, syncs: TemplateSyncs) -> None:
        self._syncs = syncs
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` returns at once: a listing that is broken off has written nothing, and is due again."""
        self._stopping.set()

    async def run(self) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        while not stopped.done():
            look = asyncio.create_task(self._look())
            await asyncio.wait({look, stopped}, return_when=asyncio.FIRST_COMPLETED)
            look.cancel()
            await asyncio.wait({stopped}, timeout=LOOK_EVERY.total_seconds() / 5)

    async def _look(self) -> None:
        try:
            await self._syncs.sync_due()
        except Exception as error:
            log.warning("Nobody could look which templates are to be listed; it is tried again.", error=str(error))


async def judge_known(
    conn: Connection, tenant: TenantId, sends: Sequence[TemplateSend], now: datetime
) -> list[TemplateVerdict]:
    """Whether each can be sent, by what is known.

    An unknown template is refused only where the account's list is certain to be whole: was there never one, did the last try
    fail or is one under way, then WhatsApp decides.
    """
    accounts = sorted({each.business_account_id for each in sends})
    syncs = await store.list_syncs(conn, tenant, accounts)
    known: dict[str, Mapping[tuple[str, str], Template]] = {}
    names: dict[str, Mapping[str, Sequence[str]]] = {}
    for account in accounts:
        keys = {(each.name, each.language) for each in sends if each.business_account_id == account}
        known[account] = await store.find_many(conn, tenant, account, keys)
        if len(known[account]) < len(keys) and account in syncs and syncs[account].is_certain:
            names[account] = await store.list_names(conn, tenant, account)
    missing = dict.fromkeys(
        (each.business_account_id, each.name, each.language)
        for each in sends
        if each.business_account_id in names and (each.name, each.language) not in known[each.business_account_id]
    )
    unknown = {
        (account, name, language): explain_unknown(
            name, language, names[account], as_of=_find_age(syncs[account], now), is_helped=place < HELPED
        )
        for place, (account, name, language) in enumerate(missing)
    }
    return [_judge(each, known[each.business_account_id], unknown.get(each[:3])) for each in sends]


def _find_age(sync: TemplateSync, now: datetime) -> datetime | None:
    """When the account was listed, unless that is as good as now."""
    return sync.synced_at if sync.synced_at is not None and sync.synced_at < now - STALE else None


def accounts_of(view: TenantView | None, business_account_id: str) -> list[WhatsAppAccount]:
    """The active numbers of a business account, the default one first; none of a tenant that is suspended or gone."""
    if view is None or view.tenant.status is not TenantStatus.ACTIVE:
        return []
    found = [each for each in view.accounts.values() if each.business_account_id == business_account_id and each.is_active]
    return sorted(found, key=lambda each: not each.is_default)


def accounts_named(view: TenantView, number: str | None = None, business_account_id: str | None = None) -> list[str]:
    """The tenant's business accounts, or the one that is meant; `NotFound` where it has none of it."""
    accounts = {each.business_account_id for each in view.accounts.values()}
    if number is not None:
        account = view.accounts.get(number)
        if account is None:
            raise NotFound("unknown_account", f"This tenant has no WhatsApp number {number}. List its numbers to find the id.")
        accounts &= {account.business_account_id}
    if business_account_id is not None:
        if business_account_id not in accounts:
            text = f"This tenant has no business account {business_account_id}, or not of that number. List its numbers."
            raise NotFound("unknown_business_account", text)
        accounts = {business_account_id}
    return sorted(accounts)


def _judge(send: TemplateSend, known: Mapping[tuple[str, str], Template], unknown: str | None) -> TemplateVerdict:
    """`unknown`: why there is none, where that is certain."""
    template = known.get((send.name, send.language))
    if template is not None:
        return TemplateVerdict(check(template, send.components), not _is_usable(template), template.category)
    return TemplateVerdict([] if unknown is None else [unknown], True)


def _is_usable(template: Template) -> bool:
    return template.components is not None and find_refusal(template) is None
