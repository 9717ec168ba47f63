"""The WhatsApp Cloud API as far as Waystate uses it: sending, read marks, typing.

Source: developers.facebook.com, WhatsApp Cloud API, messages reference and error codes.
"""

from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from waystate.clock import Clock
from waystate.documents import JsonObject, Unreadable, parse
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer, Customers
from waystate.simulator.faults import CutOff
from waystate.simulator.journal import Journal, Sent
from waystate.simulator.statuses import Statuses
from waystate.simulator.webhooks import find_text, new_wamid

LONGEST_TEXT = 4096
LONGEST_OPAQUE = 512


class GraphApi:
    def __init__(
        self, config: SimulatorConfig, journal: Journal, customers: Customers, statuses: Statuses, clock: Clock, random: Random
    ) -> None:
        self._config = config
        self._journal = journal
        self._customers = customers
        self._statuses = statuses
        self._clock = clock
        self._random = random

    async def messages(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self._config.access_token}":
            return refusal(401, 190, "Invalid OAuth access token - Cannot parse access token")
        number = request.path_params["phone_number_id"]
        if number != self._config.phone_number_id:
            return refusal(400, 100, f"Unsupported post request. Object with ID '{number}' does not exist")
        try:
            body = parse(await request.body())
        except Unreadable as error:
            return refusal(400, 100, str(error))
        problem = find_problem(body)
        if problem is not None:
            return refusal(400, *problem)
        if body.get("status") == "read":
            self._journal.tally["typing_marks" if "typing_indicator" in body else "read_marks"] += 1
            return JSONResponse({"success": True})
        return JSONResponse(await self._send(body))

    async def number(self, request: Request) -> Response:
        """What the number is called, for whoever holds its token."""
        if request.headers.get("authorization") != f"Bearer {self._config.access_token}":
            return refusal(401, 190, "Invalid OAuth access token - Cannot parse access token")
        number = request.path_params["phone_number_id"]
        if number != self._config.phone_number_id:
            return refusal(400, 100, f"Unsupported get request. Object with ID '{number}' does not exist")
        return JSONResponse(
            {"id": number, "display_phone_number": self._config.display_phone_number, "verified_name": "Simulated business"}
        )

    async def _send(self, body: JsonObject) -> JsonObject:
        address = str(body.get("to") or body.get("recipient"))
        customer = self._customers.get_or_add(address.removeprefix("+"), None)
        sent = Sent(
            customer=customer.id,
            to=address,
            opaque=body.get("biz_opaque_callback_data"),
            type=body.get("type", "text"),
            text=find_text(body),
            at=self._clock(),
        )
        wamid = new_wamid(customer.id, self._random, outbound=True)
        self._journal.add_sent(sent, wamid)
        await self._statuses.report(customer, wamid, sent.opaque)
        return render_accepted(customer, address, wamid)


def find_problem(body: Any) -> tuple[int, str] | None:
    """What the real API would refuse, of the mistakes worth catching: (code, message)."""
    match body:
        case {"messaging_product": "whatsapp", "status": "read"}:
            known = isinstance(body.get("message_id"), str) and body["message_id"].startswith("wamid.")
            return None if known else (131009, "Parameter value is not valid: message_id")
        case {"messaging_product": "whatsapp"}:
            return _find_problem_of_send(body)
    return 100, "The parameter messaging_product is required."


def _find_problem_of_send(body: JsonObject) -> tuple[int, str] | None:
    kind, opaque, text = body.get("type", "text"), body.get("biz_opaque_callback_data", ""), find_text(body)
    if not any(isinstance(body.get(key), str) and body[key] for key in ("to", "recipient")):
        return 131008, "Required parameter is missing: to"
    if not isinstance(kind, str) or not body.get(kind):
        return 131008, f"Required parameter is missing: {kind}"
    if kind == "text" and not (text and len(text) <= LONGEST_TEXT):
        return 131009, f"Parameter value is not valid: text.body must be 1 to {LONGEST_TEXT} characters"
    if not isinstance(opaque, str) or len(opaque) > LONGEST_OPAQUE:
        return 131009, "Parameter value is not valid: biz_opaque_callback_data"
    return None


def render_accepted(customer: Customer, address: str, wamid: str) -> JsonObject:
    identity = {"wa_id": customer.wa_id} if customer.wa_id else {"user_id": customer.user_id}
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": address, **identity}],
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


def refusal(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    error = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": message},
        "fbtrace_id": "Asimulated00000000000000",
    }
    return JSONResponse({"error": error}, status, headers)
