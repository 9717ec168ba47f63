"""Whether a tenant's WhatsApp numbers and Genesys integrations work, asked of the platforms for its own people and keys."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from waystate.channels.checks import Checked, Verdict, check_account, check_integration
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.tenants.change import Tenants, unknown_account, unknown_integration
from waystate.tenants.model import PathId
from waystate.web.caller import Caller

_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "This tenant has no account of this id"}}


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


def check_routes(tenants: Tenants, graph: GraphClient, genesys: GenesysClient) -> APIRouter:
    router = APIRouter(prefix="/v1/tenant", tags=["Tenant"])

    @router.post("/whatsapp-accounts/{phone_number_id}/check", summary="Ask WhatsApp whether it works", responses=_MISSING)
    async def check_whatsapp_account(phone_number_id: PathId, principal: Caller) -> CheckAnswer:
        """200 whatever comes out: `ok` and `findings` tell."""
        accounts, _ = await tenants.accounts(principal.tenant_id)
        account = next((each for each in accounts if each.phone_number_id == phone_number_id), None)
        if account is None:
            raise unknown_account(phone_number_id)
        return render_check(await check_account(account, graph))

    @router.post("/genesys-integrations/{integration_id}/check", summary="Ask Genesys whether it works", responses=_MISSING)
    async def check_genesys_integration(integration_id: PathId, principal: Caller) -> CheckAnswer:
        """200 whatever comes out: `ok` and `findings` tell."""
        _, integrations = await tenants.accounts(principal.tenant_id)
        integration = next((each for each in integrations if each.integration_id == integration_id), None)
        if integration is None:
            raise unknown_integration(integration_id)
        return render_check(await check_integration(integration, genesys))

    return router


def render_check(checked: Checked) -> CheckAnswer:
    findings = [FindingAnswer(**each._asdict()) for each in checked.findings]
    return CheckAnswer(platform=checked.platform, id=checked.id, ok=checked.is_ok, findings=findings)
