"""From ledger rows to messages: parse, route to tenants, run each tenant's items, and say what became of every row."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from waystate import documents
from waystate.channels.genesys.ends import parse_events
from waystate.channels.genesys.parse import parse_webhook as parse_genesys
from waystate.channels.model import Ignored, Parsed, Routed, Usable
from waystate.channels.whatsapp.parse import parse_webhook as parse_whatsapp
from waystate.db.failures import is_outage
from waystate.db.pool import Database
from waystate.documents import shorten
from waystate.errors import Reason, Rejected, Retry
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import GENESYS_EVENTS, LedgerRow, Settled, child_id, child_of
from waystate.pipeline.run import Runner
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Route, RouteKind
from waystate.tenants.routing import Directory, TenantView
from waystate.web.metrics import Metrics
from waystate.webhooks.outcomes import TenantItems, Worked, taken_of
from waystate.work.batch import with_retries
from waystate.work.lanes import lane_of

MAX_ATTEMPTS = 4
"""A body that processes died on so often, lately alone with it, is set aside: it is what kills them."""


NAME = 100
"""Characters of an id in a sentence."""


class TenantsFailed(Exception):
    """All else of a batch is done; these rows, each with its failures, wait for tenants that cannot be worked now."""

    def __init__(self, waiting: Sequence[Worked], tenants: set[TenantId], revision: int | None) -> None:
        """`tenants` that have something new to relay; `revision` of the directory that they were judged by."""
        super().__init__(f"{len(waiting)} webhooks could not be worked")
        self.waiting = waiting
        self.tenants = tenants
        self.revision = revision

    @property
    def broken(self) -> set[TenantId]:
        return {tenant for worked in self.waiting for tenant in worked.failures}


class WebhookPipeline:
    """`lanes` is the number of ledger lanes; items of a number of another lane are handed over to it."""

    def __init__(self, db: Database, directory: Directory, runner: Runner, metrics: Metrics, *, lanes: int) -> None:
        self._db = db
        self._directory = directory
        self._runner = runner
        self._metrics = metrics
        self.lanes = lanes

    async def work(self, rows: Sequence[LedgerRow]) -> set[TenantId]:
        """Work a batch of rows in their order; the tenants that have something new to relay. `Retry` in an outage.

        What the directory's changes since then make doubtful is given back, to be taken again with what was rejected before
        it: rows of the lanes that a change concerns, and rows with an item that is said to be nobody's. The others are done,
        so that no change of one tenant stops another's. A tenant's fault is its own: `TenantsFailed`, after all else, and what
        its rows hold of other lanes is handed over. What had its effect has none again.
        """
        revision = self._directory.revision
        batch = [Worked(row) for row in rows]
        routed = [(worked, item) for worked in batch for item in self._parse(worked)]
        by_tenant = await self._by_tenant(routed)
        await self._work_tenants(by_tenant)
        stale = [worked for worked in batch if worked.is_late]
        waiting = [worked for worked in batch if worked.failures and not worked.is_late]
        done = [worked for worked in batch if not worked.failures and not worked.is_late]
        stale += await self._settle(done, revision, waiting=waiting)
        if stale:
            await self._give_back([worked.row for worked in stale])
        if waiting:
            # They are tried again by what is so then.
            await self._directory.renew()
            raise TenantsFailed(waiting, set(by_tenant), revision)
        return set(by_tenant)

    async def _work_tenants(self, by_tenant: Mapping[TenantId, TenantItems]) -> None:
        """Side by side, and each to its end: what one cannot do is written at its rows."""
        results = await asyncio.gather(
            *(self._work_tenant(tenant, items) for tenant, items in by_tenant.items()), return_exceptions=True
        )
        for (tenant, items), error in zip(by_tenant.items(), results, strict=True):
            if isinstance(error, Exception) and not _is_nobodys_fault(error):
                for worked in items.rows():
                    worked.failures[tenant] = error
            elif error is not None:
                raise error

    async def _settle(self, batch: Sequence[Worked], revision: int | None, *, waiting: Sequence[Worked] = ()) -> list[Worked]:
        """Write down what became of them; those of which it does not hold any more, since the directory changed.

        What the `waiting` hold of other lanes does not wait with them.
        """

        async def settle() -> tuple[list[Worked], list[Settled]]:
            async with self._db.work() as conn:
                unrouted = [worked for worked in batch if worked.unrouted]
                moved = bool(unrouted) and await tenant_store.hold_revision(conn) != revision
                kept = [worked for worked in batch if not (moved and worked.unrouted)]
                settled = [worked.settled() for worked in kept]
                if handed_over := [each for worked in (*kept, *waiting) for each in worked.handed_over]:
                    await ledger_store.hand_over_many(conn, handed_over)
                await ledger_store.settle_many(conn, settled)
            return unrouted if moved else [], settled

        stale, settled = await with_retries(settle)
        for each in settled:
            self._metrics.ledger_rows_total.labels(each.state).inc()
        return stale

    async def _give_back(self, rows: Sequence[LedgerRow]) -> None:
        await self._directory.renew()

        async def give_back() -> None:
            async with self._db.work() as conn:
                await ledger_store.give_back_many(conn, rows)

        await with_retries(give_back)

    async def set_aside(self, row: LedgerRow, error: Exception) -> None:
        """A row that keeps failing in our own code must not stop its lane; it is kept, with the reason, for a later replay.

        What it holds of other lanes is handed over, if that much can be told.
        """
        worked = Worked(row)
        with suppress(Exception):
            self._parse(worked)
        worked.give_up(Reason.DATABASE_ERROR, _keeps_failing(error))
        # Of what was parsed nothing is known to lack a route, so it holds whatever became of the directory.
        await self._settle([worked], None)

    async def set_aside_waiting(self, waiting: Sequence[Worked], revision: int | None) -> list[Worked]:
        """Rows whose tenants are waited for no longer are kept, with the reason and all else that became of them.

        Those are left, and returned, of which an item that was nobody's may be somebody's by now.
        """
        for worked in waiting:
            worked.give_up(Reason.DATABASE_ERROR, _keeps_failing(next(iter(worked.failures.values()))))
        return await self._settle(waiting, revision)

    def _parse(self, worked: Worked) -> list[Routed]:
        row = worked.row
        if row.attempts > MAX_ATTEMPTS:
            worked.reject(
                Reason.INVALID_PAYLOAD, f"Processes died {MAX_ATTEMPTS} times on this body; report it before replaying."
            )
            return []
        try:
            if row.source == GENESYS_EVENTS:
                parsed = parse_events(row.body, row.origin, row.received_at, row.name)
            elif row.source == "genesys":
                parsed = parse_genesys(row.body, row.origin, row.received_at, row.name)
            else:
                parsed = parse_whatsapp(row.body, row.received_at, row.name)
        except documents.Unreadable as error:
            if row.parent is None:  # which says it for all
                worked.reject(Reason.INVALID_PAYLOAD, f"The body cannot be read: {error}.")
            return []
        worked.items = len(parsed.items)
        return self._own_items(worked, parsed)

    def _own_items(self, worked: Worked, parsed: Parsed) -> list[Routed]:
        """The items of this row's number: one lane alone works a number, so each other's are a ledger row of their own.

        It is there since the body came, unless that was too large to be split, came to an older version, or had a number that
        only this one finds. A child's id is made of its parent and its number, so it is the same row whoever makes it.
        """
        row = worked.row
        if row.parent is not None:
            parent = row.parent
            return [item for item in parsed.items if item.phone_number_id and child_id(parent, item.phone_number_id) == row.id]
        numbers = {item.phone_number_id for item in parsed.items if item.phone_number_id is not None}
        if row.number is None:
            others = {number for number in numbers if lane_of(number, self.lanes) != row.lane}
        else:
            others = numbers - {row.number}
        worked.handed_over = [child_of(row, number, self.lanes) for number in sorted(others)]
        return [item for item in parsed.items if item.phone_number_id not in others]

    async def _by_tenant(self, routed: Sequence[tuple[Worked, Routed]]) -> dict[TenantId, TenantItems]:
        """Whose each item is. Rows of lanes in which something is somebody's only since they were taken are late, and left."""
        routes = await self._routes_of([item for _, item in routed])
        views = await self._views_of({route.tenant_id for route in routes if route is not None})
        placed: list[tuple[Worked, TenantId, TenantView, Usable]] = []
        for (worked, item), route in zip(routed, routes, strict=True):
            if isinstance(item.value, Ignored):
                worked.ignore(item.item, item.value.what, item.value.why)
                continue
            view = None if route is None else views[route.tenant_id]
            if route is None or view is None:
                worked.reject_unrouted(_key_of(item), _unknown(item), item.item)
            elif isinstance(view, Exception):
                worked.failures[route.tenant_id] = view
            elif worked.row.revision is not None and max(route.revision, view.revision) > worked.row.revision:
                worked.is_late = True
            elif not _is_allowed(view, worked.row, item):
                worked.reject_unrouted(_key_of(item), _foreign(item, worked.row), item.item)
            else:
                placed.append((worked, route.tenant_id, view, item.value))
        late = {worked.row.lane for worked, _ in routed if worked.is_late}
        by_tenant: dict[TenantId, TenantItems] = {}
        for worked, _ in routed:
            worked.is_late = worked.row.lane in late
        for worked, tenant, view, value in placed:
            if not worked.is_late:
                by_tenant.setdefault(tenant, TenantItems(view)).items.append((worked, taken_of(worked.row, value)))
        return by_tenant

    async def _routes_of(self, items: Sequence[Routed]) -> list[Route | None]:
        numbers = await self._directory.routes_of(
            RouteKind.PHONE_NUMBER_ID, {item.phone_number_id for item in items if item.phone_number_id}
        )
        wabas = await self._directory.routes_of(RouteKind.WABA, {item.waba_id for item in items if item.waba_id})
        integrations = await self._directory.routes_of(
            RouteKind.GENESYS_INTEGRATION, {item.integration_id for item in items if item.integration_id}
        )
        return [
            integrations.get(item.integration_id or "")
            or numbers.get(item.phone_number_id or "")
            or (wabas.get(item.waba_id or "") if item.phone_number_id is None else None)
            for item in items
        ]

    async def _views_of(self, tenants: Collection[TenantId]) -> dict[TenantId, TenantView | Exception | None]:
        """None: it is being deleted, and its numbers and integrations are free. An exception: it cannot be read."""
        asked = sorted(tenants)
        found = await asyncio.gather(*(self._directory.find_tenant(each) for each in asked), return_exceptions=True)
        views: dict[TenantId, TenantView | Exception | None] = {}
        for tenant, view in zip(asked, found, strict=True):
            if isinstance(view, BaseException) and (not isinstance(view, Exception) or _is_nobodys_fault(view)):
                raise view
            views[tenant] = view
        return views

    async def _work_tenant(self, tenant: TenantId, share: TenantItems) -> None:
        verdicts = await self._runner.run(tenant, share.view, [taken for _, taken in share.items])
        for (worked, taken), verdict in zip(share.items, verdicts, strict=True):
            item = taken.origin.removeprefix(worked.row.name + ":")
            if isinstance(verdict.error, Rejected):
                worked.bury(item, verdict.error.reason, verdict.error.message)
            elif verdict.aside is not None:
                worked.ignore(item, *verdict.aside)


def _keeps_failing(error: Exception) -> str:
    return f"It keeps failing ({type(error).__name__}); report it, then replay it."


def _is_nobodys_fault(error: Exception) -> bool:
    """An outage: all wait for it."""
    return isinstance(error, Retry) or is_outage(error)


def _is_allowed(view: TenantView, row: LedgerRow, item: Routed) -> bool:
    """Whether who signed the body may speak for this tenant.

    A Meta app may for the numbers, and the business accounts, that are configured under it; the app itself is no tenant's. A
    secret of Genesys may for the tenant whose it was when the body came, wherever the integration has moved since; of rows of
    older versions nobody knows it.
    """
    if row.source != "whatsapp":
        return row.signer in (None, view.tenant.id)
    if item.phone_number_id is not None:
        account = view.accounts.get(item.phone_number_id)
        return account is not None and account.meta_app_id == row.origin
    return any((each.business_account_id, each.meta_app_id) == (item.waba_id, row.origin) for each in view.accounts.values())


def _key_of(item: Routed) -> str:
    """The route that it lacked, as `replay_unrouted` is told of a new one."""
    if item.integration_id:
        return f"{RouteKind.GENESYS_INTEGRATION}:{item.integration_id}"
    return f"{RouteKind.PHONE_NUMBER_ID}:{item.phone_number_id}" if item.phone_number_id else f"{RouteKind.WABA}:{item.waba_id}"


def _unknown(item: Routed) -> str:
    return f"No tenant is configured for {_named(item)}. Add the account: then this is worked by itself, in its old order."


def _foreign(item: Routed, row: LedgerRow) -> str:
    if row.source != "whatsapp":
        return (
            f"The {_named(item)} is another tenant's than {row.signer}, with whose secret this body was signed. Move the "
            "integration back: then this is worked by itself, in its old order."
        )
    return (
        f"The {_named(item)} is not configured under Meta app {row.origin}, whose signature this body carries. Correct the "
        "account's app: then this is worked by itself, in its old order."
    )


def _named(item: Routed) -> str:
    """Not longer than leaves room for the advice."""
    if item.phone_number_id:
        return f"number {shorten(item.phone_number_id, NAME)}"
    if item.waba_id:
        return f"business account {shorten(item.waba_id, NAME)}"
    return f"integration {shorten(item.integration_id or '', NAME)}"
