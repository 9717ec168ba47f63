"""Customers in files: `POST /v1/customers/import`, and `/v1/customers/export.csv` and `.ndjson`."""

import re

from fastapi import Response as Answer
from fastapi.responses import StreamingResponse

from waystate.customers.bodies import CUSTOMER_EXAMPLE
from waystate.customers.files.bodies import IMPORT_EXAMPLE, ImportAnswer, render_outcome
from waystate.customers.files.export import CustomerExports
from waystate.customers.files.intake import CustomerImports, ImportWish
from waystate.customers.files.rows import FileFormat, header_line, render_csv
from waystate.documents import dump
from waystate.door.guard import Guard
from waystate.errors import Unprocessable
from waystate.ids import TenantId
from waystate.operations import Operation, Parameter
from waystate.principal import Scope, actor_of
from waystate.web.asgi import Request, Response, json_response
from waystate.web.caller import Caller
from waystate.web.facts import facts_of

LARGEST = 4 * 2**30
"""Bytes of one file."""
CSV = "text/csv; charset=utf-8"
NDJSON = "application/x-ndjson"
_COUNTRY = re.compile("[A-Z]{2}")
_TYPES = {
    **dict.fromkeys(("text/csv", "text/tab-separated-values"), FileFormat.CSV),
    **dict.fromkeys(("application/x-ndjson", "application/ndjson", "application/jsonl"), FileFormat.NDJSON),
}


class ImportRoutes:
    """Served without the framework, which would read the body first."""

    def __init__(self, guard: Guard, imports: CustomerImports) -> None:
        self._guard = guard
        self._imports = imports

    @Operation(
        "POST",
        "/v1/customers/import",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Add and change customers from a file",
        parameters=(
            Parameter(
                name="onExisting",
                place="query",
                required=False,
                description="Of who is there already: `update` (the usual one), or `return`, which leaves them as they are",
                example="update",
            ),
            Parameter(
                name="country",
                place="query",
                required=False,
                description="Of phones without their country's code: ISO 3166, such as BR",
                example="BR",
            ),
            Parameter(
                name="dryRun",
                place="query",
                required=False,
                description="`true`: nothing is written; the answer says what would be",
                example="true",
            ),
        ),
        answers={200: ImportAnswer},
        problems={
            408: "Nothing of the file came for too long; what was taken in stays, and the same file goes on",
            413: "The file is larger than 4 GB",
            422: "The header names no columns that there are, or the body is a form",
        },
        example_answer=IMPORT_EXAMPLE,
        is_streamed="a file is taken as it comes; the same one again changes nothing more",
        is_fast=True,
    )
    async def import_customers(self, request: Request) -> Response:
        """The body is the file: CSV with a header (separated by `,`, `;` or tabs), or a JSON object a line, of any length, as
        an export has them. A customer is known by `waIds`, `userIds`, a known `id`, or else by `phoneNumber`. An empty cell
        says nothing. A thousand rows are one transaction; a bad row is told of with its line and left out, the others are
        kept."""
        facts, operation = facts_of(request.scope), request.operation
        assert operation is not None, "the lane names the row of what it calls"
        principal = await self._guard.admit(facts, operation)
        request.check_query()
        declared = (facts.content_type or b"").decode("latin-1").partition(";")[0].strip().lower()
        if declared.startswith("multipart/"):
            raise Unprocessable(
                "file_in_a_form", "The body is to be the file itself, and no form: with curl, --data-binary @customers.csv."
            )
        if (request.header(b"content-encoding") or b"identity").strip().lower() != b"identity":
            raise Unprocessable("file_encoded", "The body is packed (Content-Encoding). Send the file's own bytes.")
        wanted = _wanted_of(request, _TYPES.get(declared))
        tenant = TenantId(principal.tenant_id)
        outcome = await self._imports.take(tenant, request.stream(LARGEST), wanted, actor_of(principal))
        return json_response(render_outcome(outcome).model_dump_json().encode())


class ExportRoutes:
    def __init__(self, exports: CustomerExports) -> None:
        self._exports = exports

    @Operation(
        "GET",
        "/v1/customers/export.csv",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="All customers, for a spreadsheet",
        answers={200: "text/csv"},
        example_answer=header_line() + render_csv([CUSTOMER_EXAMPLE]),
    )
    async def export_customers_csv(self, principal: Caller) -> Answer:
        """As long as it takes, a page at a time; imported again it changes nothing. A cell that a spreadsheet would take for a
        formula begins with `'`, which an import takes away again. `tags` are separated by `;`, ids by spaces."""
        return await self._answer(principal, FileFormat.CSV, CSV)

    @Operation(
        "GET",
        "/v1/customers/export.ndjson",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="All customers, one JSON object a line",
        answers={200: "application/x-ndjson"},
        example_answer=dump(CUSTOMER_EXAMPLE) + "\n",
    )
    async def export_customers_ndjson(self, principal: Caller) -> Answer:
        """As `GET /v1/customers` answers each, a page at a time, as long as it takes; imported again it changes nothing."""
        return await self._answer(principal, FileFormat.NDJSON, NDJSON)

    async def _answer(self, principal: Caller, file_format: FileFormat, media_type: str) -> Answer:
        tenant = principal.tenant_id
        await self._exports.note(tenant, file_format, actor_of(principal))
        name = f'attachment; filename="customers.{file_format}"'
        return StreamingResponse(
            self._exports.write(tenant, file_format), media_type=media_type, headers={"content-disposition": name}
        )


def _wanted_of(request: Request, declared: FileFormat | None) -> ImportWish:
    existing = request.query("onExisting") or "update"
    if existing not in ("update", "return"):
        raise Unprocessable("invalid_request", "`onExisting` is `update` or `return`.")
    country = request.query("country")
    if country is not None and _COUNTRY.fullmatch(country) is None:
        raise Unprocessable("invalid_request", "`country` is two capital letters of ISO 3166, such as BR.")
    dry = request.query("dryRun") or "false"
    if dry not in ("true", "false"):
        raise Unprocessable("invalid_request", "`dryRun` is `true` or `false`.")
    return ImportWish(updates=existing == "update", country=country, is_dry=dry == "true", declared=declared)
