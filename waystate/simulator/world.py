"""Both far sides and the people on them, from one reset to the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.simulator import genesys, graph, refusals
from waystate.simulator.administration import GenesysAdministration
from waystate.simulator.agents import Agents
from waystate.simulator.attachments import AgentFiles
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer, Customers, render_echo
from waystate.simulator.faults import CutOff, Faults
from waystate.simulator.files import CustomersFiles
from waystate.simulator.genesys import GenesysApi
from waystate.simulator.graph import GraphApi
from waystate.simulator.journal import Journal
from waystate.simulator.lines import Lines, Tasks
from waystate.simulator.load import Load
from waystate.simulator.mix import Mix
from waystate.simulator.rules import RulesInForce
from waystate.simulator.statuses import Statuses
from waystate.simulator.templates import TemplateChange, TemplateOfAccount, change
from waystate.simulator.webhooks import (
    Webhooks,
    genesys_terms,
    meta_terms,
    new_wamid,
    render_account_change,
    render_change,
    render_meta_body,
)

Endpoint = Callable[[Request], Awaitable[Response]]
Refusal = Callable[..., Response]

_INBOUND = "/genesys/api/v2/conversations/messages/{integration_id}/inbound/open"
_INTEGRATIONS = "/genesys/api/v2/conversations/messaging/integrations/open"
_INTEGRATION = f"{_INTEGRATIONS}/{{integration_id}}"
_PROFILES = "/genesys/api/v2/conversations/messaging/supportedcontent"


class World:
    """Each part draws from its own generator, so that one part's traffic does not change another's choices."""

    def __init__(self, config: SimulatorConfig, client: httpx2.AsyncClient, clock: Clock) -> None:
        def random(part: str) -> Random:
            return Random(f"{config.seed}/{part}")

        self.config = config
        self.client = client
        self.clock = clock
        self.tasks = Tasks()
        self.journal = journal = Journal(config.journal_limit)
        self.faults = faults = Faults(random("faults"))
        self.rules = RulesInForce(config.rules)
        self._edge = random("edge")
        self._echoes = random("echoes")
        self.meta = Webhooks(meta_terms(config), client, self.tasks, faults, random("meta"))
        self.genesys_webhooks = Webhooks(genesys_terms(config), client, self.tasks, faults, random("genesys webhooks"))
        self.customers = Customers(config, journal, self.meta, Lines(self.tasks), clock, random("customers"))
        downloads = None if config.own_url is None else f"{config.own_url.rstrip('/')}/genesys/downloads"
        self.attachments = AgentFiles(downloads, clock, random("attachments"))
        lines = Lines(self.tasks)
        self.agents = Agents(
            config, self.rules, journal, self.genesys_webhooks, lines, self.attachments, clock, random("agents")
        )
        statuses = Statuses(config, journal, self.meta, self.tasks, faults, clock, random("statuses"))
        self.graph = GraphApi(config, self.rules, journal, self.customers, statuses, clock, random("graph"))
        address = None if config.own_url is None else f"{config.own_url.rstrip('/')}/graph"
        self.files = CustomersFiles(self.customers, self.graph.media, address, random("files"))
        mix = Mix(journal, self.graph.media, random("mix"))
        self.load = Load(self.customers, self.files, mix, self.tasks, config.journal_limit, random("load"))
        self.genesys = GenesysApi(config, journal, self.customers, self.agents, clock, random("genesys"))
        self.administration = GenesysAdministration(config, self.genesys_webhooks, self.genesys.refuse)
        self.router = Router(self._routes())

    def fresh(self) -> "World":
        return World(self.config, self.client, self.clock)

    async def end(self) -> None:
        await self.tasks.cancel()

    def change_template(self, template: TemplateOfAccount, order: TemplateChange) -> None:
        """Waystate hears of it by signed webhooks."""
        now = self.clock()
        for field, value in change(template, order, now):
            body = render_meta_body(render_account_change(self.config, field, value, now))
            self.tasks.start(self.meta.deliver(body))

    def tell(self, changes: Sequence[tuple[str, JsonObject]]) -> None:
        """Waystate hears of these (field, value), one after the other, by signed webhooks."""
        now = self.clock()
        bodies = [render_meta_body(render_change(self.config, field, value, now)) for field, value in changes]

        async def deliver() -> None:
            for body in bodies:
                await self.meta.deliver(body)

        self.tasks.start(deliver())

    def echo(self, customer: Customer, text: str) -> str:
        """The business writes to a customer in the app on its phone; the message's wamid."""
        wamid = new_wamid(customer.id, self._echoes, outbound=True)
        self.tell([("smb_message_echoes", render_echo(self.config, customer, wamid, text, self.clock()))])
        return wamid

    def _routes(self) -> list[Route]:
        def graph_route(path: str, endpoint: Endpoint, *methods: str) -> Route:
            guarded = self._behind_faults(endpoint, refusals.refusal, throttled=130429, broken=131000)
            return Route(path, guarded, methods=methods)

        def genesys_route(path: str, endpoint: Endpoint, *methods: str) -> Route:
            guarded = self._behind_faults(
                endpoint, genesys.refusal, throttled="too.many.requests", broken="internal.server.error"
            )
            return Route(path, guarded, methods=methods)

        anything = ("GET", "POST", "PUT", "PATCH", "DELETE")
        at_graph = "/graph/{version}/{phone_number_id}"
        return [
            graph_route(f"{at_graph}/messages", self._losing_answers(self.graph.messages), "POST"),
            graph_route(f"{at_graph}/media", self.graph.upload, "POST"),
            graph_route("/graph/{version}/{waba_id}/message_templates", self.graph.list_templates, "GET"),
            graph_route("/graph/lookaside/{media_id}", self._losing_files(self.graph.content), "GET"),
            graph_route("/graph/{version}/{id}", self.graph.object, "GET"),
            graph_route("/graph/{version}/{id}", self.graph.delete, "DELETE"),
            graph_route("/graph/{rest:path}", self.graph.unknown, *anything),
            genesys_route("/genesys/downloads/{name}", self.attachments.download, "GET"),
            genesys_route("/genesys/login/oauth/token", self.genesys.token, "POST"),
            genesys_route(_INBOUND + "/message", self.genesys.message, "POST"),
            genesys_route(_INBOUND + "/receipt", self.genesys.receipt, "POST"),
            genesys_route(_INBOUND + "/event", self.genesys.event, "POST"),
            genesys_route("/genesys/api/v2/conversations/messages/{message_id}/details", self.genesys.details, "GET"),
            genesys_route(_INTEGRATION, self.administration.show, "GET"),
            genesys_route(_INTEGRATION, self.administration.change, "PATCH"),
            genesys_route(_INTEGRATIONS, self.administration.list, "GET"),
            genesys_route(_INTEGRATIONS, self.administration.change, "POST"),
            genesys_route(_PROFILES, self.administration.list_profiles, "GET"),
            genesys_route(_PROFILES, self.administration.make_profile, "POST"),
            genesys_route(_PROFILES + "/{profile_id}", self.administration.show_profile, "GET"),
            genesys_route("/genesys/{rest:path}", self.genesys.unknown, *anything),
        ]

    def _behind_faults(self, endpoint: Endpoint, refusal: Refusal, *, throttled: int | str, broken: int | str) -> Endpoint:
        async def answer(request: Request) -> Response:
            await asyncio.sleep(self.config.answer_delay)
            if self.faults.is_out():
                return refusal(503, broken, "Service temporarily unavailable")
            if self.faults.strikes("throttle"):
                return refusal(429, throttled, "Rate limit hit", {"retry-after": str(self.config.retry_after)})
            if self.faults.strikes("server_errors"):
                return refusal(500, broken, "Something went wrong")
            response = await endpoint(request)
            if response.status_code < 400 and self.faults.strikes("lost_answers"):
                return CutOff()
            return response

        return answer

    def _losing_answers(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            lost = self.faults.find_lost("before")
            if lost is None:
                response = await endpoint(request)
                lost = self.faults.find_lost("after") if response.status_code < 400 else None
                if lost is None:
                    return response
            if lost == "late":
                await asyncio.sleep(self.config.late_delay)
            return graph.lost_answer(lost, self._edge)

        return answer

    def _losing_files(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            if self.faults.strikes("file_errors"):
                return Response(status_code=self._edge.choice((404, 503)))
            return await endpoint(request)

        return answer

    def state(self) -> JsonObject:
        tally, journal = self.journal.tally, self.journal
        return {
            "customers": {"count": len(self.customers.all()), "messagesWritten": tally["written"]},
            "webhooks": {
                "whatsapp": render_webhooks(self.meta),
                "genesys": render_webhooks(self.genesys_webhooks),
            },
            "waiting": {"customerMessages": self.customers.waiting(), "agentWebhooks": self.agents.waiting()},
            "genesys": {
                "messages": tally["received"],
                "repeats": tally["repeats"],
                "conversations": self.genesys.conversations(),
                "orderInversions": journal.genesys_order.inversions,
                "events": tally["events"],
                "tokens": tally["tokens"],
                "receipts": self._receipts(),
            },
            "agents": {"replies": tally["replies"], "typing": tally["agent_typing"]},
            "whatsapp": {
                "sends": tally["sends"],
                "doubled": tally["doubled"],
                "withoutOpaque": tally["without_opaque"],
                "orderInversions": journal.whatsapp_order.inversions,
                "readMarks": tally["read_marks"],
                "typingMarks": tally["typing_marks"],
                "statuses": {name: tally[f"status_{name}"] for name in ("sent", "delivered", "read", "failed")},
                "statusesLost": tally["statuses_lost"],
            },
            "rules": self.rules.now.model_dump(),
            "failuresLeft": self.graph.failures.left(),
            "tokenRevoked": self.graph.is_revoked,
            "faults": self.faults.switches(),
            "struck": dict(self.faults.struck),
            "load": self.load.state(),
        }

    def _receipts(self) -> dict[str, int]:
        tally = self.journal.tally
        counts = {name: tally[f"receipt_{name}"] for name in ("Delivered", "Failed", "Sent", "Published", "Removed")}
        return counts | {"repeats": tally["receipt_repeats"], "unknown": tally["receipts_unknown"]}


def render_webhooks(webhooks: Webhooks) -> dict[str, int]:
    tally = webhooks.tally
    return {
        "accepted": tally["accepted"],
        "retried": tally["retried"],
        "copies": tally["copies"],
        "refused": tally["refused"],
        "givenUp": tally["given_up"],
    }
