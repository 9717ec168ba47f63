"""The WhatsApp Cloud API as far as Waystate uses it: sending, read marks, typing, media, and what a number is called.

It refuses what WhatsApp refuses, each with WhatsApp's code. Source: developers.facebook.com, WhatsApp Cloud API, messages
reference and error codes.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from waystate.clock import Clock
from waystate.documents import JsonObject, Unreadable, parse
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer, Customers
from waystate.simulator.failures import Failures, refuse, report
from waystate.simulator.faults import CutOff
from waystate.simulator.graph_bodies import SendBody, read_mark, read_send
from waystate.simulator.groups import TAKEN, Groups, SimulatedGroup
from waystate.simulator.journal import Journal, Sent
from waystate.simulator.limits import SendingLimits
from waystate.simulator.media import MediaStore, read_upload
from waystate.simulator.offers import Offers
from waystate.simulator.pricing import Prices
from waystate.simulator.refusals import GraphRefusal, no_such_object, refusal, render_failure, render_refusal
from waystate.simulator.rules import RulesInForce
from waystate.simulator.statuses import Journey, Statuses
from waystate.simulator.template_parameters import fill
from waystate.simulator.templates import TemplateBook, TemplateOfAccount
from waystate.simulator.webhooks import find_text, new_wamid

REACTED_TO_FOR = timedelta(days=30)

Endpoint = Callable[[Any, Request], Awaitable[Response]]


def refusing(endpoint: Endpoint) -> Endpoint:
    """Lets nobody in without the token, and answers what is refused in the Graph API's own way."""

    @wraps(endpoint)
    async def answer(self: "GraphApi", request: Request) -> Response:
        try:
            self.authorise(request)
            return await endpoint(self, request)
        except GraphRefusal as error:
            return render_refusal(error)
        except Unreadable as error:
            return refusal(400, 100, str(error))

    return answer


class GraphApi:
    """`is_revoked`: the token is taken back, and everything is refused."""

    def __init__(
        self,
        config: SimulatorConfig,
        rules: RulesInForce,
        journal: Journal,
        customers: Customers,
        groups: Groups,
        statuses: Statuses,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._rules = rules
        self._journal = journal
        self._customers = customers
        self._groups = groups
        self._statuses = statuses
        self._clock = clock
        self._random = random
        self._limits = SendingLimits(rules, lambda: clock().timestamp())
        self._prices = Prices(rules)
        self._authorization = f"Bearer {config.access_token}".encode()
        self.offers = Offers()
        self._own_number = "".join(filter(str.isdigit, config.display_phone_number))
        self.media = MediaStore(clock, random)
        self.templates = TemplateBook()
        self.failures = Failures()
        self.is_revoked = False

    def authorise(self, request: Request) -> None:
        """Raises GraphRefusal for another token than ours, or a number or an account that is not ours."""
        if self.is_revoked:
            raise GraphRefusal(190, "Error validating access token: The session has been invalidated.")
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._authorization):
            raise GraphRefusal(190, "Invalid OAuth access token - Cannot parse access token")
        for name in ("phone_number_id", "waba_id"):
            ours = getattr(self._config, name)
            if request.path_params.get(name, ours) != ours:
                raise no_such_object(request.path_params[name], request.method)

    @refusing
    async def messages(self, request: Request) -> Response:
        body = parse(await request.body())
        if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
            raise GraphRefusal(100, "The parameter messaging_product is required.")
        if "status" in body:
            return JSONResponse(self._mark(body))
        self._limits.take_of_number()
        said = read_send(body)
        send = self._send_to_group if said.recipient_type == "group" else self._send
        return JSONResponse(await send(said, find_text(body)))

    @refusing
    async def upload(self, request: Request) -> Response:
        return JSONResponse({"id": self.media.add(*await read_upload(request)).id})

    @refusing
    async def object(self, request: Request) -> Response:
        """GET /{id}: of the number what it is called, of a template all, of an upload what it is and where to fetch it."""
        name = request.path_params["id"]
        if name == self._config.phone_number_id:
            display = self._config.display_phone_number
            return JSONResponse({"id": name, "display_phone_number": display, "verified_name": "Simulated business"})
        template = self.templates.find_by_id(name)
        if template is not None:
            return JSONResponse(template.render(self._clock()))
        upload = self.media.get(name)
        self._check_owner(request)
        return JSONResponse(self.media.describe(upload, str(request.base_url).rstrip("/") + "/graph"))

    @refusing
    async def list_templates(self, request: Request) -> Response:
        url = str(request.url.replace(query=""))
        return JSONResponse(self.templates.page(dict(request.query_params), url, self._clock()))

    @refusing
    async def delete(self, request: Request) -> Response:
        self._check_owner(request)
        self.media.delete(request.path_params["id"])
        return JSONResponse({"success": True})

    @refusing
    async def content(self, request: Request) -> Response:
        """The URL of an upload, for 5 minutes and with the token."""
        upload = self.media.find(request.path_params["media_id"])
        if upload is None or self.media.is_over(request.query_params.get("ext", "")):
            return Response(status_code=404)
        return Response(upload.content, media_type=upload.type)

    @refusing
    async def unknown(self, request: Request) -> Response:
        """Whatever else is asked below the API's address."""
        path = request.url.path.rsplit("/", 1)[-1]
        raise GraphRefusal(2500, f"Unknown path components: /{path}", 400, "Unknown path components")

    def _check_owner(self, request: Request) -> None:
        number = request.query_params.get("phone_number_id", self._config.phone_number_id)
        if number != self._config.phone_number_id:
            raise GraphRefusal(100, "Param phone_number_id is not a valid whatsapp business phone number id ID")

    def _mark(self, body: JsonObject) -> JsonObject:
        mark = read_mark(body)
        is_known = mark.message_id in self._journal.written
        if not mark.message_id.startswith("wamid.") or (self._rules.now.known_messages and not is_known):
            raise GraphRefusal(131009, f"Message with id {mark.message_id} was not received by this number.")
        self._journal.tally["read_marks" if mark.typing_indicator is None else "typing_marks"] += 1
        return {"success": True}

    async def _send(self, body: SendBody, text: str | None) -> JsonObject:
        if body.identity == self._own_number:
            raise GraphRefusal(131021, "The sender and the recipient have the same phone number.")
        self._check_media(body)
        template = self._find_template(body)
        if template is not None and body.template is not None:
            text = fill(template, body.template.components or [], lambda name: self.media.find(name) is not None)
        now = self._clock()
        known = self._customers.find(body.identity)
        if self._rules.now.window and template is None and not (known and known.may_get_free_text(now)):
            raise GraphRefusal(
                131047,
                "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
            )
        self._limits.take_of_pair(known.id if known else body.identity)
        order = self.failures.find_next()
        if order is not None and order.told == "answer":
            raise refuse(order)
        customer = known or self._customers.get_or_add(body.identity, None)
        failure = report(order) if order is not None else self._find_failure(customer, body)
        wamid = self._write_down(customer, body, text)
        category = template.category if template is not None else None
        price = self._prices.find(customer, body.type, category, now) if failure is None else None
        journey = Journey(wamid, body.type, body.biz_opaque_callback_data, price, failure)
        await self._statuses.report(customer, journey)
        return render_accepted(customer, body.to or body.identity, wamid)

    async def _send_to_group(self, body: SendBody, text: str | None) -> JsonObject:
        group = self._groups.find(body.identity)
        if group is None or group.state == "deleted":
            raise GraphRefusal(131020, f"There is no group {body.identity} of this number.")
        if group.state == "suspended":
            raise GraphRefusal(131207, "The group is suspended.")
        if body.type not in TAKEN:
            raise GraphRefusal(131051, f"Messages of type {body.type} are not supported in groups.")
        self._check_media(body)
        template = self._find_template(body)
        if template is not None and body.template is not None:
            text = fill(template, body.template.components or [], lambda name: self.media.find(name) is not None)
        if self._rules.now.window and template is None and not group.may_get_free_text(self._clock()):
            raise GraphRefusal(131047, "Message failed to send because nobody of the group has written in the last 24 hours.")
        self._limits.take_of_pair(group.id)
        order = self.failures.find_next()
        if order is not None and order.told == "answer":
            raise refuse(order)
        failure = report(order) if order is not None else self._find_failure(group, body)
        wamid = self._write_down(group, body, text)
        price = self._prices.find_of_group(template.category if template is not None else None) if failure is None else None
        await self._statuses.report(group, Journey(wamid, body.type, body.biz_opaque_callback_data, price, failure))
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": group.id}],
            "messages": [{"id": wamid, "message_status": "accepted"}],
        }

    def _check_media(self, body: SendBody) -> None:
        for kind, media in body.media:
            if media.id is not None and self.media.find(media.id) is None:
                name = kind if body.type == kind else f"interactive['header']['{kind}']"
                raise GraphRefusal(100, f"Param {name}['id'] is not a valid whatsapp business account media attachment ID")

    def _find_template(self, body: SendBody) -> TemplateOfAccount | None:
        """None for a send of another type."""
        if body.type != "template" or body.template is None:
            return None
        template = self.templates.get_sendable(body.template.name, body.template.language.code)
        if template.category == "AUTHENTICATION" and not body.to:
            raise GraphRefusal(131062, "Authentication templates need a phone number as their recipient.")
        return template

    def _find_failure(self, customer: Customer | SimulatedGroup, body: SendBody) -> JsonObject | None:
        """What WhatsApp finds out after it accepted: a reaction to nothing, a file that is not what it is sent as."""
        if body.reaction is not None and not self._may_be_reacted_to(customer, body.reaction.message_id):
            return render_failure(131009, "Reaction to a message that does not exist in this thread.")
        for kind, media in body.media:
            upload = self.media.find(media.id) if media.id is not None else None
            if upload is not None and not upload.fits(kind):
                return render_failure(131053, f"A file of type {upload.type} cannot be sent as {kind}.")
        return None

    def _may_be_reacted_to(self, customer: Customer | SimulatedGroup, wamid: str) -> bool:
        """A message of this thread, not a reaction itself, and not older than 30 days."""
        written = self._journal.written.get(wamid)
        if written is not None:
            is_young = self._clock() - written.at < REACTED_TO_FOR
            return written.customer == customer.id and written.type != "reaction" and is_young
        return self._journal.sent_to.get(wamid) == customer.id or not self._rules.now.known_messages

    def _write_down(self, customer: Customer | SimulatedGroup, body: SendBody, text: str | None) -> str:
        sent = Sent(
            customer=customer.id,
            to=body.to or body.identity,
            opaque=body.biz_opaque_callback_data,
            type=body.type,
            text=text,
            at=self._clock(),
        )
        wamid = new_wamid(customer.id, self._random, outbound=True)
        self._journal.add_sent(sent, wamid)
        self.offers.saw(customer.id, wamid, body.interactive)
        return wamid


def render_accepted(customer: Customer, address: str, wamid: str) -> JsonObject:
    identity = {"wa_id": customer.wa_id} if customer.wa_id else {}
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": address, **identity, "user_id": customer.user_id}],
        "messages": [{"id": wamid, "message_status": "accepted"}],
    }


def lost_answer(way: str, random: Random) -> Response:
    """What the caller sees instead of the answer (`WAYS` of the faults)."""
    match way:
        case "html_500" | "bad_gateway" | "gateway_timeout" | "edge_5xx":
            status = {"html_500": 500, "bad_gateway": 502, "gateway_timeout": 504}.get(way) or random.randint(520, 529)
            return HTMLResponse(f"<html><body><h1>{status}</h1></body></html>", status)
        case "plain_503":
            return PlainTextResponse("upstream connect error", 503)
        case "graph_1" | "graph_2" | "graph_131000":
            return refusal(500, int(way.removeprefix("graph_")), "Something went wrong")
        case "unreadable":
            return PlainTextResponse("<!-- accepted -->")
    return CutOff()
