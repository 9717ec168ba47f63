"""Whether a tenant's WhatsApp numbers and Genesys integrations work, asked of the platforms for its own people and keys."""

from pydantic import BaseModel

from waystate.channels.checks import GENESYS_SECRET, META_SECRET, Checked, check_account, check_integration
from waystate.channels.findings import Verdict
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.tenants.change import Tenants, unknown_account, unknown_integration
from waystate.tenants.model import PathId
from waystate.web.caller import Caller

_MISSING = {404: "This tenant has no account of this id"}


class FindingAnswer(BaseModel):
    what: str
    verdict: Verdict
    detail: str
    advice: str | None


class CheckAnswer(BaseModel):
    """`ok`: nothing that can be checked has failed. `not_checked` says why not, and how to find out."""

    platform: str
    id: str
    ok: bool
    findings: list[FindingAnswer]


class CheckRoutes:
    def __init__(self, tenants: Tenants, graph: GraphClient, genesys: GenesysClient) -> None:
        self._tenants = tenants
        self._graph = graph
        self._genesys = genesys

    @Operation(
        "POST",
        "/v1/tenant/whatsapp-accounts/{phone_number_id}/check",
        Scope.TENANT_WRITE,
        tag="Tenant",
        name="checkWhatsAppAccount",
        summary="Ask WhatsApp whether it works",
        problems=_MISSING,
        example_answer={
            "platform": "whatsapp",
            "id": "106540352242922",
            "ok": True,
            "findings": [META_SECRET._asdict()],
        },
        repeatable="it only looks",
    )
    async def check_whatsapp_account(self, phone_number_id: PathId, principal: Caller) -> CheckAnswer:
        """200 whatever comes out: `ok` and `findings` tell."""
        accounts, _ = await self._tenants.accounts(principal.tenant_id)
        account = next((each for each in accounts if each.phone_number_id == phone_number_id), None)
        if account is None:
            raise unknown_account(phone_number_id)
        return render_check(await check_account(account, self._graph))

    @Operation(
        "POST",
        "/v1/tenant/genesys-integrations/{integration_id}/check",
        Scope.TENANT_WRITE,
        tag="Tenant",
        summary="Ask Genesys whether it works",
        problems=_MISSING,
        example_answer={
            "platform": "genesys",
            "id": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
            "ok": True,
            "findings": [GENESYS_SECRET._asdict()],
        },
        repeatable="it only looks",
    )
    async def check_genesys_integration(self, integration_id: PathId, principal: Caller) -> CheckAnswer:
        """200 whatever comes out: `ok` and `findings` tell."""
        _, integrations = await self._tenants.accounts(principal.tenant_id)
        integration = next((each for each in integrations if each.integration_id == integration_id), None)
        if integration is None:
            raise unknown_integration(integration_id)
        return render_check(await check_integration(integration, self._genesys))


def render_check(checked: Checked) -> CheckAnswer:
    findings = [FindingAnswer(**each._asdict()) for each in checked.findings]
    return CheckAnswer(platform=checked.platform, id=checked.id, ok=checked.is_ok, findings=findings)
