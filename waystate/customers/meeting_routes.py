"""`POST /v1/customers/context`: who writes, for a service that has their message in its hands."""

from fastapi import Response

from waystate.conversations.bodies import CONVERSATION_EXAMPLE
from waystate.conversations.model import is_agent, is_limited
from waystate.customers.bodies import CUSTOMER_EXAMPLE, CustomerContext, MeetCustomer
from waystate.customers.context import Contexts
from waystate.customers.edit import identity_of
from waystate.customers.meet import Meetings
from waystate.errors import Forbidden
from waystate.operations import Operation
from waystate.principal import Principal, Scope
from waystate.sends.bodies import MESSAGE_EXAMPLE
from waystate.tenants.routing import Directory
from waystate.web.caller import Caller


class MeetingRoutes:
    def __init__(self, meetings: Meetings, contexts: Contexts, directory: Directory) -> None:
        self._meetings = meetings
        self._contexts = contexts
        self._directory = directory

    @Operation(
        "POST",
        "/v1/customers/context",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Who writes, known or new: their context in one call",
        status=201,
        answers={200: CustomerContext},
        problems={
            403: "The scope is missing; or the caller sees only what is assigned to them, and names a `number`",
            404: "The `number` is not the tenant's",
            422: "A field is wrong, or the phone cannot be called; the problem says why",
        },
        example_body={"waId": "5511987654321", "name": "Ana Souza"},
        example_answer={"customer": CUSTOMER_EXAMPLE, "conversation": CONVERSATION_EXAMPLE, "messages": [MESSAGE_EXAMPLE]},
        repeatable="a customer is added once, and a conversation opened once: the second time both are there",
    )
    async def meet_customer(self, principal: Caller, response: Response, body: MeetCustomer) -> CustomerContext:
        """The customer is found, or added with 201, and answered as `GET /v1/customers/{customer_id}/context` does. With
        `number` the open conversation on it is found or opened too, as `GET /state/mapping/{waId}` does, and is the
        `conversation` of the answer."""
        if body.number is not None and is_agent(principal):
            await self._check_sight(principal)
        identity = identity_of(body.waId, body.userId, body.phoneNumber, body.country)
        saved = await self._meetings.meet(principal.tenant_id, identity, body.name, body.number)
        response.status_code = 201 if saved.is_new else 200
        return await self._contexts.read(principal, saved.profile.id, number=body.number)

    async def _check_sight(self, principal: Principal) -> None:
        """A conversation that is opened is assigned to nobody."""
        view = await self._directory.get_tenant(principal.tenant_id)
        if is_limited(principal, view.settings.agent_scope):
            raise Forbidden(
                "out_of_sight",
                "Agents of this tenant see what is assigned to them, and a conversation that is opened is nobody's yet. Leave "
                "`number` out.",
            )
