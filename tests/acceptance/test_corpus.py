"""Every published webhook payload there is: each ends as a message, a status, or a ledger row that says what it was."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import (
    Installation,
    installed,
    new_account,
    new_integration,
    rendered,
)
from tests.databases import Databases
from waystate.channels.whatsapp.parse import FIELDS
from waystate.channels.whatsapp.senders import is_customer_id
from waystate.channels.whatsapp.template_reports import CHANGES
from waystate.ids import TenantId
from waystate.messages.note import NOTES
from waystate.tenants.model import Tenant

_PROJECT = Path(__file__).resolve().parents[2]
CUSTOMER = "15550199999"


@dataclass
class Case:
    """One payload, under numbers (or an integration) and a tenant of its own: files with the same wamids must not meet."""

    name: str
    tenant: TenantId
    document: Any
    numbers: dict[str, str] = field(default_factory=dict)
    integration: str | None = None
    body: bytes = b""
    answer: int = 0
    ledger: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)

    def changes(self) -> Iterator[tuple[str | None, Any]]:
        """(field, value) of every change, of an envelope or of a bare change."""
        entries = self.document.get("entry", [{"changes": [self.document]}])
        for entry in entries:
            for change in entry.get("changes") or []:
                yield change.get("field"), change.get("value")

    def listed(self, key: str) -> list[dict[str, Any]]:
        return [
            each
            for name, value in self.changes()
            if name in ("messages", None) and isinstance(value, dict)
            for each in value.get(key) or []
        ]


def corpus() -> Path:
    folder = Path(os.environ.get("WAYSTATE_CORPUS", _PROJECT.parent / "shared" / "corpus"))
    if not folder.is_dir():
        pytest.skip(f"NO CORPUS at {folder}: set WAYSTATE_CORPUS to the folder of payload files; these tests did not run")
    return folder


def whatsapp_cases(folder: Path) -> list[Case]:
    files = [path for path in sorted((folder / "whatsapp").rglob("*.json")) if "/api_" not in str(path)]
    assert len(files) > 150, "the corpus has become smaller"
    cases = [
        Case(str(path.relative_to(folder)), TenantId(f"w-{number}"), json.loads(path.read_bytes()))
        for number, path in enumerate(files)
    ]
    for number, case in enumerate(cases):
        move(case, number)
        case.body = rendered(case.document)
    return cases


def move(case: Case, number: int) -> None:
    """Give the payload's numbers and business accounts ids of this file alone; `numbers` tells which belong together."""
    moved: dict[str, str] = {}
    for place, entry in enumerate(case.document.get("entry", [{"changes": [case.document]}])):
        waba = entry["id"] = f"7{number:05d}{place}"
        for change in entry.get("changes") or []:
            value = change.get("value")
            metadata = value.get("metadata") if isinstance(value, dict) else None
            if isinstance(metadata, dict) and metadata.get("phone_number_id"):
                known = str(metadata["phone_number_id"])
                metadata["phone_number_id"] = moved.setdefault(known, f"8{number:05d}{len(moved)}")
                case.numbers[metadata["phone_number_id"]] = waba
        if waba not in case.numbers.values():
            case.numbers[f"9{number:05d}{place}"] = waba


def genesys_cases(folder: Path) -> list[Case]:
    files = sorted((folder / "genesys").rglob("*.json"))
    assert len(files) > 20, "the corpus has become smaller"
    return [
        Case(
            str(path.relative_to(folder)),
            TenantId(f"g-{number}"),
            json.loads(path.read_bytes()),
            numbers={f"6{number:05d}": f"5{number:05d}"},
            integration=f"integration-{number}",
        )
        for number, path in enumerate(files)
    ]


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            yield installation


async def set_up(place: Installation, cases: list[Case]) -> None:
    """Numbers for which somebody else sends: what is received is worked, and nothing leaves."""
    await place.add_tenants([Tenant(id=case.tenant, name=case.name) for case in cases])
    for case in cases:
        integrations = [new_integration(case.integration, sender="external")] if case.integration else []
        accounts = [
            new_account(
                number,
                business_account_id=waba,
                sender="external",
                is_default=place_of_number == 0,
                genesys_integration_id=integrations[0].id if integrations else None,
            )
            for place_of_number, (number, waba) in enumerate(case.numbers.items())
        ]
        await place.add_accounts(case.tenant, accounts, integrations)


async def worked(place: Installation, cases: list[Case]) -> list[Case]:
    """The cases with what became of their bodies: the rows that have them, and what was set aside of them."""
    await place.settled(timeout=40)
    for case in cases:
        case.ledger = await place.rows("SELECT * FROM webhook_ledger WHERE body = $1 ORDER BY id", case.body)
        case.dead_letters = await place.rows("SELECT * FROM dead_letters WHERE tenant_id = $1", case.tenant)
    return cases


@pytest.fixture(scope="module")
async def whatsapp(place: Installation) -> list[Case]:
    cases = whatsapp_cases(corpus())
    await set_up(place, cases)
    for case in cases:
        wamids = {each["id"] for each in case.listed("statuses")} - {each["id"] for each in case.listed("messages")}
        for wamid in wamids:
            await track(place, case.tenant, wamid)
    for case in cases:
        case.answer = (await place.post_meta(case.body)).status_code
    return await worked(place, cases)


async def track(place: Installation, tenant: str, wamid: str) -> None:
    """A message that somebody sent, so that a status of the payload has one to concern."""
    mapping = (await place.state("GET", f"/state/mapping/{CUSTOMER}", tenant=tenant)).json()
    body = {
        "metaMessageId": wamid,
        "conversationId": mapping["internalId"],
        "direction": "outbound",
        "status": "queued",
    }
    answer = await place.state("POST", "/state/message", body, tenant=tenant)
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
async def genesys(place: Installation) -> list[Case]:
    cases = genesys_cases(corpus())
    await set_up(place, cases)
    for case in cases:
        await place.state("GET", f"/state/mapping/{CUSTOMER}", tenant=case.tenant)
        contact = await place.value("SELECT id FROM contacts WHERE tenant_id = $1", case.tenant)
        if isinstance(case.document, dict) and isinstance(case.document.get("channel"), dict):
            case.document["channel"]["to"] = {"id": str(contact), "idType": "Opaque"}
        case.body = json.dumps(case.document).encode()
        case.answer = (await place.post_genesys(case.body, integration=case.integration or "")).status_code
    return await worked(place, cases)


def test_every_payload_is_accepted_kept_and_worked_off(whatsapp: list[Case], genesys: list[Case]) -> None:
    for case in whatsapp + genesys:
        assert case.answer == 200, case.name
        assert [row["state"] for row in case.ledger if row["parent"] is None] == ["done"], case.name
        assert {row["state"] for row in case.ledger} == {"done"}, case.name
        assert {row["attempts"] for row in case.ledger} == {1}, case.name


async def test_every_message_of_a_customer_has_a_trace_with_all_that_came(place: Installation, whatsapp: list[Case]) -> None:
    traced = 0
    for case in whatsapp:
        for message in filter(is_written, case.listed("messages")):
            told = await place.trace(message["id"], tenant=case.tenant)
            assert (told["direction"], told["status"]) == ("inbound", "received"), case.name
            assert told["type"] == message.get("type", told["type"]), case.name
            assert told["text"], case.name
            assert json.dumps(told["sender"]) in json.dumps(case.document), case.name
            shown = json.dumps([told["content"], told["metadata"]])
            missing = [part for part in leaves({**message, "id": None, "from": None, "timestamp": None}) if part not in shown]
            assert set(missing) <= {message.get(key) for key in ("type", "from_user_id", "from_parent_user_id")}, case.name
            traced += 1
    assert traced > 80


def is_written(message: dict[str, Any]) -> bool:
    """By a customer, as far as the payload tells: who published one of them took the number out."""
    return message.get("type") not in NOTES and is_customer_id(message.get("from", CUSTOMER))


def test_what_no_customer_wrote_is_named_in_the_ledger_with_its_reason(whatsapp: list[Case]) -> None:
    named: set[str] = set()
    for case in whatsapp:
        said = {
            each.get("what", each.get("reason"))
            for row in case.ledger
            for name in ("ignored", "dead_letters")
            for each in row["outcome"].get(name, [])
            if each.get("why") or each.get("message")
        }
        for message in case.listed("messages"):
            if is_written(message):
                continue
            is_nobodys = not is_customer_id(message.get("from", CUSTOMER))
            wanted = "invalid_payload" if is_nobodys else message["type"]
            assert wanted in said, case.name
            named.add(wanted)
    assert named == {"edit", "system", "invalid_payload"}


def leaves(value: Any) -> Iterator[str]:
    """Every text of a document, as it shows in its JSON."""
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)
        case str() if value:
            yield json.dumps(value)[1:-1]


async def test_every_status_of_a_known_message_is_in_its_history(place: Installation, whatsapp: list[Case]) -> None:
    reported = 0
    for case in whatsapp:
        for status in case.listed("statuses"):
            if status.get("type") == "call":
                continue
            told = await place.trace(status["id"], tenant=case.tenant)
            entries = [each for each in told["statuses"] if (each["status"], each["source"]) == (status["status"], "whatsapp")]
            assert entries, case.name
            assert all(each["applied"] or each["whyNot"] for each in entries), case.name
            if "errors" in status:
                assert entries[0]["error"]["code"] == status["errors"][0]["code"], case.name
            reported += 1
    assert reported > 20


async def test_what_is_neither_message_nor_status_is_on_the_timeline_or_named_as_ignored(
    place: Installation, whatsapp: list[Case]
) -> None:
    named = 0
    for case in whatsapp:
        ignored = {each["what"] for row in case.ledger for each in row["outcome"].get("ignored", [])}
        kept = await place.rows("SELECT field, sentence FROM account_events WHERE tenant_id = $1", case.tenant)
        elsewhere = {"messages", None, *CHANGES, *FIELDS}
        fields = {name for name, _ in case.changes()} - elsewhere
        assert fields <= {each["field"] for each in kept}, case.name
        assert all(each["sentence"] for each in kept), case.name
        assert all(each["why"] for row in case.ledger for each in row["outcome"].get("ignored", [])), case.name
        if not case.listed("messages") and not case.listed("statuses") and not {name for name, _ in case.changes()} & elsewhere:
            assert kept, case.name
        named += bool(ignored or kept)
    assert named > 40


async def test_every_echo_is_history_of_its_customer(place: Installation, whatsapp: list[Case]) -> None:
    echoed = 0
    for case in whatsapp:
        for echo in (
            each for name, value in case.changes() if name == "smb_message_echoes" for each in value["message_echoes"]
        ):
            told = await place.trace(echo["id"], tenant=case.tenant)
            assert (told["direction"], told["status"], told["type"]) == ("outbound", "sent", echo["type"]), case.name
            echoed += 1
    assert echoed > 1


def test_of_what_meta_sends_only_what_names_nobody_is_a_dead_letter(whatsapp: list[Case]) -> None:
    for case in whatsapp:
        apart = [each for each in case.listed("messages") if not is_written(each) and each.get("type") not in NOTES]
        assert len(case.dead_letters) == len(apart), case.name


async def test_every_message_of_an_agent_has_a_trace(place: Installation, genesys: list[Case]) -> None:
    outbound = [case for case in genesys if "/outbound_" in case.name and "/outbound_event" not in case.name]
    assert len(outbound) == 10
    for case in outbound:
        told = await place.trace(case.document["id"], tenant=case.tenant)
        assert (told["direction"], told["genesysMessageId"]) == ("outbound", case.document["id"]), case.name
        assert told["contact"]["waId"] == CUSTOMER, case.name
        assert told["conversation"]["genesysConversationId"] == case.document.get("conversationId"), case.name
        # The customer has never written, so WhatsApp would take a template only.
        assert (told["status"], told["error"]["code"]) == ("failed", "window_closed"), case.name


def test_everything_else_of_genesys_is_ignored_by_name_or_a_dead_letter_with_its_reason(genesys: list[Case]) -> None:
    for case in genesys:
        if "/outbound_" in case.name and "/outbound_event" not in case.name:
            assert case.dead_letters == [], case.name
            continue
        ignored = [each for row in case.ledger for each in row["outcome"].get("ignored", [])]
        assert bool(ignored) != bool(case.dead_letters), case.name
        assert all(each["why"] for each in ignored), case.name
        for letter in case.dead_letters:
            assert (letter["reason"], letter["original_payload"]) == ("invalid_payload", case.document), case.name
            assert letter["error_message"].startswith("The item cannot be used: the message has "), case.name
