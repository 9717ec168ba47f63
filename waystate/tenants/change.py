"""What is done to tenants, their accounts and the Meta apps: each act one transaction, with its entry in the audit log.

What the platform does to a tenant stands in the platform's log; what concerns its accounts, or its own people do, in its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Connection, Database, go_on_as
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Conflict, NotFound
from waystate.ids import PLATFORM, TenantId
from waystate.principal import Actor
from waystate.tenants import store
from waystate.tenants.model import (
    GenesysIntegration,
    Hold,
    MetaApp,
    NumberFacts,
    Quotas,
    Tenant,
    TenantSettings,
    TenantStatus,
    WhatsAppAccount,
    check_ordinary,
)
from waystate.vault.sealing import Vault
from waystate.web.problems import invalid_fields

Account = WhatsAppAccount | GenesysIntegration


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; a setting or quota of None goes back to its default."""

    name: str | None = None
    settings: JsonObject | None = None
    quotas: JsonObject | None = None


class Tenants:
    """`changed` is told after each commit, so that this process forgets what it knew; others notice within seconds."""

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, changed: Callable[[TenantId | None], None] = lambda _: None
    ) -> None:
        self.db = db
        self._vault = vault
        self._clock = clock
        self._told = changed

    def forget(self, tenant_id: TenantId | None) -> None:
        """After a commit. None: what concerns no single tenant."""
        self._told(tenant_id)

    async def list_page(self, *, after: TenantId | None = None, page: int = 100) -> list[Tenant]:
        async with self.db.work() as conn:
            return await store.list_page(conn, after=after, page=page, with_deleting=True)

    async def find(self, tenant_id: TenantId) -> Tenant:
        """One that is being deleted, too."""
        async with self.db.work() as conn:
            tenant = (await store.find_many(conn, [tenant_id])).get(tenant_id)
        if tenant is None or tenant_id == PLATFORM:
            raise store.unknown_tenant(tenant_id)
        return tenant

    async def create(self, actor: Actor, tenant: Tenant) -> Tenant:
        check_ordinary(tenant.id)
        async with self.db.work(tenant_id=PLATFORM) as conn:
            if not await store.insert_many(conn, [tenant]):
                raise Conflict(
                    "tenant_exists", f"There is a tenant '{tenant.id}' already. Choose another id, or change that one."
                )
            await self._note(conn, PLATFORM, actor, "tenant.created", f"tenant:{tenant.id}", name=tenant.name)
        self.forget(tenant.id)
        return await self.find(tenant.id)

    async def apply(
        self,
        actor: Actor,
        tenant: Tenant,
        meta_apps: Sequence[MetaApp],
        integrations: Sequence[GenesysIntegration],
        build: Callable[[list[GenesysIntegration]], list[WhatsAppAccount]],
    ) -> tuple[list[WhatsAppAccount], list[GenesysIntegration]]:
        """Make all of it what a file says, or nothing; what the tenant has afterwards.

        Quotas that the file leaves out stay, and so does the status. `build` makes the accounts, given all integrations.
        """
        if "status" in tenant.model_fields_set:
            raise BadRequest(
                "file_invalid", "A file sets no status. Take it out; `waystate tenant suspend` and `resume` do that."
            )
        async with self.db.work(tenant_id=PLATFORM) as conn:
            before = (await store.find_many(conn, [tenant.id])).get(tenant.id)
            if before is not None:
                await store.get_locked(conn, tenant.id)
                kept = {} if "quotas" in tenant.model_fields_set else {"quotas": before.quotas}
                tenant = tenant.model_copy(update={"status": before.status, **kept})
            await store.upsert_many(conn, [tenant])
            apps = await store.find_meta_apps(conn, self._vault, [each.id for each in meta_apps])
            await store.upsert_meta_apps(conn, self._vault, meta_apps)
            told = [_saying("tenant", tenant.id, before, tenant)] if tenant != before else []
            told += [_saying("meta_app", each.id, apps.get(each.id), each) for each in meta_apps if each != apps.get(each.id)]
            await go_on_as(conn, tenant.id)
            had: list[Account] = [
                *await store.integrations_of(conn, self._vault, tenant.id),
                *await store.accounts_of(conn, self._vault, tenant.id),
            ]
            known = await store.upsert_integrations(conn, self._vault, tenant.id, integrations)
            accounts = await store.upsert_accounts(conn, self._vault, tenant.id, build(known))
            await self.note_accounts(conn, tenant.id, actor, had, [*known, *accounts])
            await go_on_as(conn, PLATFORM)
            await audit_store.append_many(conn, PLATFORM, [self._entry(actor, *each) for each in told])
        self.forget(tenant.id)
        return accounts, known

    async def change(self, actor: Actor, tenant_id: TenantId, changes: Changes, *, log: TenantId) -> Tenant:
        """In the audit `log` of the platform or of the tenant, whose act it is."""
        if tenant_id == PLATFORM:
            raise store.unknown_tenant(tenant_id)
        async with self.db.work(tenant_id=log) as conn:
            before = await store.get_locked(conn, tenant_id)
            after = apply_changes(before, changes)
            if await store.upsert_many(conn, [after]):
                subject = f"tenant:{tenant_id}"
                await self._note(conn, log, actor, "tenant.changed", subject, fields=changed_fields(before, after))
        self.forget(tenant_id)
        return after

    async def suspend(self, actor: Actor, tenant_id: TenantId) -> Tenant:
        """Suspending twice is no error."""
        return await self._turn(actor, tenant_id, TenantStatus.SUSPENDED, "tenant.suspended")

    async def resume(self, actor: Actor, tenant_id: TenantId) -> Tenant:
        return await self._turn(actor, tenant_id, TenantStatus.ACTIVE, "tenant.resumed")

    async def _turn(self, actor: Actor, tenant_id: TenantId, status: TenantStatus, action: str) -> Tenant:
        async with self.db.work(tenant_id=PLATFORM) as conn:
            if await store.change_status(conn, [tenant_id], status):
                await self._note(conn, PLATFORM, actor, action, f"tenant:{tenant_id}")
        self.forget(tenant_id)
        tenant = await self.find(tenant_id)
        if tenant.status is TenantStatus.DELETING:
            raise Conflict(
                "tenant_deleting",
                f"Tenant '{tenant_id}' is being deleted, which nothing takes back. Delete it again to finish.",
            )
        return tenant

    async def accounts(self, tenant_id: TenantId) -> tuple[list[WhatsAppAccount], list[GenesysIntegration]]:
        async with self.db.tenant(tenant_id) as conn:
            await store.get(conn, tenant_id)
            accounts = await store.accounts_of(conn, self._vault, tenant_id)
            return accounts, await store.integrations_of(conn, self._vault, tenant_id)

    async def holds(self, tenant_id: TenantId) -> dict[str, Hold]:
        """By number, those of which nothing leaves until somebody mends the cause."""
        async with self.db.tenant(tenant_id) as conn:
            return {each.phone_number_id: each for each in await store.list_holds(conn, tenant_id)}

    async def facts(self, tenant_id: TenantId) -> dict[str, NumberFacts]:
        """By number, what WhatsApp said last of its quality and its limit."""
        async with self.db.tenant(tenant_id) as conn:
            return await store.list_facts(conn, tenant_id)

    async def put_account(
        self,
        actor: Actor,
        tenant_id: TenantId,
        number: str,
        build: Callable[[WhatsAppAccount | None, list[GenesysIntegration]], WhatsAppAccount],
    ) -> WhatsAppAccount:
        """`build` makes it of the one there is, if any, and the tenant's integrations."""
        async with self.db.work(tenant_id=tenant_id) as conn:
            await store.get_locked(conn, tenant_id)
            known = {each.phone_number_id: each for each in await store.accounts_of(conn, self._vault, tenant_id)}
            wanted = build(known.get(number), await store.integrations_of(conn, self._vault, tenant_id))
            have = await store.upsert_accounts(conn, self._vault, tenant_id, [wanted])
            after = {each.phone_number_id: each for each in have}
            await self.note_accounts(conn, tenant_id, actor, list(known.values()), have)
        self.forget(tenant_id)
        return after[number]

    async def remove_account(self, actor: Actor, tenant_id: TenantId, number: str) -> None:
        async with self.db.work(tenant_id=tenant_id) as conn:
            if not await store.remove_accounts(conn, tenant_id, [number]):
                raise unknown_account(number)
            await self._note(conn, tenant_id, actor, "account.removed", f"whatsapp_account:{number}")
        self.forget(tenant_id)

    async def put_integration(
        self, actor: Actor, tenant_id: TenantId, name: str, build: Callable[[GenesysIntegration | None], GenesysIntegration]
    ) -> GenesysIntegration:
        async with self.db.work(tenant_id=tenant_id) as conn:
            await store.get_locked(conn, tenant_id)
            known = {each.integration_id: each for each in await store.integrations_of(conn, self._vault, tenant_id)}
            have = await store.upsert_integrations(conn, self._vault, tenant_id, [build(known.get(name))])
            await self.note_accounts(conn, tenant_id, actor, list(known.values()), have)
        self.forget(tenant_id)
        return {each.integration_id: each for each in have}[name]

    async def remove_integration(self, actor: Actor, tenant_id: TenantId, name: str) -> None:
        async with self.db.work(tenant_id=tenant_id) as conn:
            using = await store.list_numbers_of(conn, tenant_id, name)
            if using:
                raise Conflict(
                    "integration_in_use",
                    f"Number {using[0]} passes its customers' messages on through it, and they would go nowhere. Give it "
                    "another integration or none (PUT the account), or remove the number, then remove the integration.",
                )
            if not await store.remove_integrations(conn, tenant_id, [name]):
                raise unknown_integration(name)
            await self._note(conn, tenant_id, actor, "integration.removed", f"genesys_integration:{name}")
        self.forget(tenant_id)

    async def meta_apps(self) -> list[str]:
        async with self.db.work() as conn:
            return await store.list_meta_apps(conn)

    async def put_meta_app(self, actor: Actor, app_id: str, build: Callable[[MetaApp | None], MetaApp]) -> None:
        async with self.db.work(tenant_id=PLATFORM) as conn:
            before = (await store.find_meta_apps(conn, self._vault, [app_id])).get(app_id)
            after = build(before)
            if await store.upsert_meta_apps(conn, self._vault, [after]):
                await self._note(conn, PLATFORM, actor, *_saying("meta_app", app_id, before, after))
        self.forget(None)

    async def note_accounts(
        self, conn: Connection, tenant_id: TenantId, actor: Actor, before: Sequence[Account], after: Sequence[Account]
    ) -> None:
        """What differs, a sentence each; behind it come only other entries of its transaction."""
        known = {_name_of(each): each for each in before}
        entries = [
            self._entry(actor, *_saying(*_name_of(each), known.get(_name_of(each)), each))
            for each in after
            if each != known.get(_name_of(each))
        ]
        await audit_store.append_many(conn, tenant_id, entries)

    async def _note(
        self,
        conn: Connection,
        log: TenantId,
        actor: Actor,
        action: str,
        subject: str,
        details: JsonObject | None = None,
        **more: object,
    ) -> None:
        await audit_store.append_many(conn, log, [self._entry(actor, action, subject, {**(details or {}), **more})])

    def _entry(self, actor: Actor, action: str, subject: str, details: JsonObject) -> Entry:
        return Entry(actor=actor, action=action, subject=subject, at=self._clock(), details=details)


def apply_changes(tenant: Tenant, changes: Changes) -> Tenant:
    """The tenant with them; a wrong one is named as it was sent. What is not changed is not judged anew."""
    said: JsonObject = {"id": tenant.id, "status": tenant.status, "name": tenant.id if changes.name is None else changes.name}
    said |= {"settings": _merged(tenant.settings, changes.settings), "quotas": _merged(tenant.quotas, changes.quotas)}
    try:
        changed = Tenant.model_validate(said)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False), Tenant, said) from None
    return changed.model_copy(update={"name": tenant.name}) if changes.name is None else changed


def changed_fields(before: BaseModel | None, after: BaseModel) -> list[str]:
    """Their names, dotted where one is inside another; never a value, which may be a secret."""
    names: list[str] = []
    for name in type(after).model_fields:
        old, new = getattr(before, name, None), getattr(after, name)
        if isinstance(old, BaseModel) and isinstance(new, BaseModel):
            names += [f"{name}.{inner}" for inner in changed_fields(old, new)]
        elif old != new:
            names.append(name)
    return names


def unknown_account(number: str) -> NotFound:
    return NotFound("unknown_account", f"This tenant has no WhatsApp number {number}. List its numbers to find the right id.")


def unknown_integration(name: str) -> NotFound:
    return NotFound("unknown_integration", f"This tenant has no Genesys integration {name}. List them to find the right id.")


def _merged(current: TenantSettings | Quotas, changes: JsonObject | None) -> JsonObject:
    said = {**current.model_dump(exclude_unset=True), **(changes or {})}
    return {name: value for name, value in said.items() if value is not None}


def _name_of(account: Account) -> tuple[str, str]:
    if isinstance(account, WhatsAppAccount):
        return "whatsapp_account", account.phone_number_id
    return "genesys_integration", account.integration_id


def _saying(kind: str, name: str, before: BaseModel | None, after: BaseModel) -> tuple[str, str, JsonObject]:
    """Action, subject and details of an entry about a thing that is new or changed."""
    noun = {"whatsapp_account": "account", "genesys_integration": "integration"}.get(kind, kind)
    if before is None:
        return f"{noun}.created", f"{kind}:{name}", {}
    return f"{noun}.changed", f"{kind}:{name}", {"fields": changed_fields(before, after)}
