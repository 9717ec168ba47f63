"""By which OpenID Connect provider a tenant's people log in: shown, set and removed."""

from datetime import datetime
from typing import Any

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import NotFound
from waystate.principal import Principal, actor_of
from waystate.sign_on import store
from waystate.sign_on.bodies import ProviderAnswer, ProviderBody
from waystate.sign_on.log_in import SignOnAddress
from waystate.vault.sealing import Vault


class Providers:
    """Each act is audited with it."""

    def __init__(self, db: Database, vault: Vault, address: SignOnAddress, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._address = address
        self._clock = clock

    async def read(self, principal: Principal, host: str | None) -> ProviderAnswer:
        async with self._db.tenant(principal.tenant_id) as conn:
            stored = await store.find(conn, self._vault, principal.tenant_id)
        if stored is None:
            raise _no_provider()
        return ProviderAnswer(
            issuer=stored.provider.issuer,
            client_id=stored.provider.client_id,
            settings=stored.provider.settings,
            redirect_uri=self._address.find_redirect_uri(principal.tenant_id, host),
            login_path=self._address.login_path(principal.tenant_id),
            created_at=stored.created_at,
        )

    async def write(self, principal: Principal, body: ProviderBody) -> None:
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            stored = await store.find(conn, self._vault, tenant)
            provider = body.provider(None if stored is None else stored.provider)
            await store.upsert(conn, self._vault, tenant, provider, now)
            told = {
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "settings": provider.settings.model_dump(mode="json"),
                "secret_entered": body.client_secret is not None,
            }
            await audit_store.append_many(conn, tenant, [_entry(principal, "identity_provider.set", now, told)])

    async def remove(self, principal: Principal) -> None:
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            issuer = await store.remove(conn, tenant)
            if issuer is None:
                raise _no_provider()
            entry = _entry(principal, "identity_provider.removed", now, {"issuer": issuer})
            await audit_store.append_many(conn, tenant, [entry])


def _entry(principal: Principal, action: str, now: datetime, details: dict[str, Any]) -> Entry:
    subject = f"tenant:{principal.tenant_id}"
    return Entry(actor=actor_of(principal), action=action, subject=subject, at=now, details=details)


def _no_provider() -> NotFound:
    return NotFound("no_identity_provider", "This tenant has no identity provider. Set one with PUT.")
