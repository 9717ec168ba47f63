"""The driver of the cases: every kind of check fails on what is not so, and what it does not know is an error."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cases.checks import Wrong, check_all
from tests.acceptance.cases.files import CHECKS, NUMBER, WABA, UnknownCase, cases_folder, parse_case, read_case
from tests.acceptance.cases.run import Run, running
from tests.acceptance.installation import agent_message, customer_message, envelope
from tests.databases import Databases

ADA, BOB, OLD = "15550109001", "15550109002", "15550109003"
BOBS = "US.99990000000000000001"
SECOND = "200000000000777"


def written(wamid: str, sender: str, text: str = "Hello", *, at: str = "<now>", number: str = NUMBER, **fields: Any) -> Any:
    value = customer_message(wamid, sender, text, **fields)
    value["messages"][0]["timestamp"] = at
    value["contacts"][0] |= {"user_id": fields["from_user_id"]} if "from_user_id" in fields else {}
    return {"do": "whatsapp_webhook", "body": envelope(value, number=number)}


def answered(message_id: str, wamid: str) -> Any:
    body = agent_message(message_id, f"<contact of {wamid}>", conversationId=f"<genesys conversation of {wamid}>")
    body["channel"] |= {"id": "<integration>", "time": "<now>"}
    return {"do": "genesys_webhook", "body": body}


def reported(genesys_id: str, status: str, **fields: Any) -> Any:
    report = {"id": f"<wamid of {genesys_id}>", "status": status, "timestamp": "<now>", "recipient_id": ADA} | fields
    return {"do": "whatsapp_webhook", "body": envelope({"statuses": [report]}, number=NUMBER)}


STEPS = [
    written("wamid.ada-1", ADA, "Where is my parcel?"),
    written("wamid.ada-2", ADA, "Are you there?"),
    written("wamid.bob", BOB, from_user_id=BOBS),
    written("wamid.old", OLD, at="<now - 30 h>"),
    written("wamid.ada-elsewhere", ADA, number=SECOND),
    answered("to-ada", "wamid.ada-1"),
    reported("to-ada", "delivered"),
    answered("to-bob", "wamid.bob"),
    reported("to-bob", "failed", errors=[{"code": 131026, "title": "Message undeliverable"}]),
    answered("to-old", "wamid.old"),
    answered("to-ada-elsewhere", "wamid.ada-elsewhere"),
    answered("to-nobody", "wamid.never"),
]
NO_SENDER = envelope({"messages": [{"id": "wamid.unusable", "type": "text", "text": {}}]}, number=NUMBER)
GONE = {"do": "whatsapp_webhook", "body": NO_SENDER}


@pytest.fixture(scope="module")
async def run(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    case = parse_case("all", {"steps": [*STEPS, GONE], "checks": [{"check": "status", "of": "to-ada", "is": "delivered"}]})
    with databases.fresh() as url:
        async with running(case, url, tmp_path_factory.mktemp("home")) as run:
            yield run


async def check(run: Run, kind: str, of: str | list[str], **wants: Any) -> None:
    document = {"steps": [{"do": "genesys_webhook", "body": {}}], "checks": [{"check": kind, "of": of, **wants}]}
    await check_all(run, parse_case("one", document).checks)


TRUE: list[tuple[str, str | list[str], dict[str, Any]]] = [
    ("same_contact", ["wamid.ada-1", "wamid.ada-2", "to-ada"], {}),
    ("same_contact", ["wamid.ada-1", "wamid.ada-elsewhere"], {}),
    ("different_contact", ["wamid.ada-1", "wamid.bob", "wamid.old"], {}),
    ("different_contact", ["wamid.unusable", "wamid.ada-1", "to-nobody"], {}),
    ("same_conversation", ["wamid.ada-1", "wamid.ada-2", "to-ada"], {}),
    ("different_conversation", ["wamid.ada-1", "wamid.bob"], {}),
    ("different_conversation", ["wamid.ada-1", "wamid.ada-elsewhere"], {}),
    ("different_conversation", ["wamid.ada-1", "wamid.unusable", "to-nobody"], {}),
    ("sent", "to-ada", {"to": ADA}),
    ("sent", ["to-ada", "to-ada-elsewhere"], {"to": f"+{ADA}"}),
    ("sent", "to-bob", {"to": BOB}),
    ("not_sent", "to-ada", {"to": BOB}),
    ("not_sent", "to-old", {"to": OLD}),
    ("not_sent", "to-nobody", {"to": ADA}),
    ("refused", "to-old", {"code": "window_closed"}),
    ("refused", "to-bob", {"code": 131026}),
    ("receipt", "to-ada", {"status": "Delivered"}),
    ("receipt", ["to-bob", "to-old", "to-nobody"], {"status": "Failed"}),
    ("no_receipt", "to-ada", {"status": "Failed"}),
    ("no_receipt", "to-old", {"status": "Delivered"}),
    ("status", "to-ada", {"is": "delivered"}),
    ("status", "<wamid of to-ada>", {"is": "delivered"}),
    ("status", "wamid.bob", {"is": "processed"}),
    ("window", ["wamid.ada-1", "to-ada"], {"is": "open"}),
    ("window", "wamid.old", {"is": "closed"}),
    ("line", "wamid.ada-1", {"contains": "parcel"}),
    ("line", "wamid.ada-1", {"contains": ["Where", "parcel?"]}),
    ("identity", "wamid.bob", {"bsuid": BOBS}),
    ("no_conversation", "15550109999", {}),
]
FALSE: list[tuple[str, str | list[str], dict[str, Any]]] = [
    ("same_contact", ["wamid.ada-1", "wamid.ada-2", "wamid.bob"], {}),
    ("same_contact", ["wamid.ada-1", "wamid.unusable"], {}),
    ("same_contact", ["wamid.unusable", "to-nobody"], {}),
    ("different_contact", ["wamid.ada-1", "wamid.bob", "wamid.ada-2"], {}),
    ("different_contact", ["wamid.ada-1", "wamid.ada-elsewhere"], {}),
    ("same_conversation", ["wamid.ada-1", "wamid.ada-elsewhere"], {}),
    ("same_conversation", ["wamid.unusable", "to-nobody"], {}),
    ("different_conversation", ["wamid.ada-1", "wamid.bob", "to-ada"], {}),
    ("sent", "to-ada", {"to": BOB}),
    ("sent", ["to-ada", "to-bob"], {"to": ADA}),
    ("sent", "to-old", {"to": OLD}),
    ("sent", "to-nobody", {"to": ADA}),
    ("not_sent", "to-ada", {"to": ADA}),
    ("not_sent", ["to-old", "to-bob"], {"to": BOB}),
    ("refused", "to-ada", {"code": "window_closed"}),
    ("refused", "to-old", {"code": "conversation_closed"}),
    ("refused", "to-nobody", {"code": "window_closed"}),
    ("receipt", "to-ada", {"status": "Failed"}),
    ("receipt", "to-nobody", {"status": "Delivered"}),
    ("no_receipt", "to-nobody", {"status": "Failed"}),
    ("no_receipt", "to-ada", {"status": "Delivered"}),
    ("no_receipt", ["to-ada", "to-old"], {"status": "Failed"}),
    ("status", "to-ada", {"is": "sent"}),
    ("status", "to-nobody", {"is": "failed"}),
    ("window", "wamid.ada-1", {"is": "closed"}),
    ("window", "wamid.old", {"is": "open"}),
    ("window", "wamid.unusable", {"is": "closed"}),
    ("line", "wamid.ada-1", {"contains": ["parcel", "there?"]}),
    ("line", "wamid.ada-1", {"contains": []}),
    ("line", "wamid.unusable", {"contains": ""}),
    ("identity", "wamid.bob", {"bsuid": "US.1"}),
    ("identity", "wamid.ada-1", {"bsuid": BOBS}),
    ("identity", "wamid.unusable", {"bsuid": BOBS}),
    ("no_conversation", ADA, {}),
    ("no_conversation", f"+{ADA}", {}),
    ("no_conversation", ["15550109999", BOBS], {}),
]


@pytest.mark.parametrize(("kind", "of", "wants"), TRUE, ids=str)
async def test_check_of_what_is_so_holds(run: Run, kind: str, of: str | list[str], wants: dict[str, Any]) -> None:
    await check(run, kind, of, **wants)


@pytest.mark.parametrize(("kind", "of", "wants"), FALSE, ids=str)
async def test_check_of_what_is_not_so_fails(run: Run, kind: str, of: str | list[str], wants: dict[str, Any]) -> None:
    with pytest.raises(Wrong):
        await check(run, kind, of, **wants)


def test_every_kind_of_check_is_seen_to_hold_and_to_fail() -> None:
    assert {kind for kind, *_ in TRUE} == {kind for kind, *_ in FALSE} == CHECKS.keys()


async def test_all_that_is_wrong_is_told_at_once(run: Run) -> None:
    wrong = [{"check": "status", "of": "to-ada", "is": word} for word in ("sent", "delivered", "read")]
    with pytest.raises(Wrong, match=r"status sent.*\n.*status read"):
        await check_all(run, parse_case("two", {"steps": STEPS, "checks": wrong}).checks)


async def test_answer_to_the_second_number_leaves_from_it(run: Run) -> None:
    senders = {call.path.split("/")[-2] for call in run.far.calls if call.path.endswith("/messages")}
    assert senders == {NUMBER, SECOND}


async def test_send_that_is_doubled_or_names_no_message_is_no_single_send(run: Run) -> None:
    (send,) = run.far.sends((await run.find_trace("to-ada"))["messageId"])
    anonymous = {key: value for key, value in send.body.items() if key != "biz_opaque_callback_data"}
    for kind, wants, body in (("sent", ADA, send.body), ("not_sent", BOB, {**anonymous, "to": BOB})):
        await check(run, kind, "to-ada", to=wants)
        run.far.calls.append(replace(send, body=body))
        try:
            with pytest.raises(Wrong):
                await check(run, kind, "to-ada", to=wants)
        finally:
            run.far.calls.pop()


STEP, CHECK = STEPS[0], {"check": "status", "of": "wamid.ada-1", "is": "processed"}
UNKNOWN = {
    "step": {"steps": [{**STEP, "do": "fax"}], "checks": [CHECK]},
    "field of a step": {"steps": [{**STEP, "times": 2}], "checks": [CHECK]},
    "check": {"steps": [STEP], "checks": [{**CHECK, "check": "smells"}]},
    "field of a check": {"steps": [STEP], "checks": [{**CHECK, "within": 3}]},
    "missing field of a check": {"steps": [STEP], "checks": [{"check": "status", "of": "wamid.ada-1"}]},
    "comparison of one": {"steps": [STEP], "checks": [{"check": "same_contact", "of": ["wamid.ada-1"]}]},
    "field of a case": {"steps": [STEP], "checks": [CHECK], "settings": {"window_policy": "hold"}},
    "case without checks": {"steps": [STEP], "checks": []},
    "case without steps": {"steps": [], "checks": [CHECK]},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_case_with_what_nobody_knows_is_an_error(name: str) -> None:
    with pytest.raises(UnknownCase):
        parse_case(name, UNKNOWN[name])


@pytest.mark.parametrize("text", ["<later>", "<now - 3 moons>", "<contact>", "<phone of wamid.ada-1>"])
async def test_placeholder_that_nobody_knows_is_an_error(run: Run, text: str) -> None:
    with pytest.raises(UnknownCase):
        await run.resolve({"deep": [text]})


@pytest.mark.parametrize("kind", sorted(CHECKS.keys() - {"no_conversation"}))
async def test_check_of_a_message_that_no_step_gave_is_an_error(run: Run, kind: str) -> None:
    with pytest.raises(UnknownCase):
        await check(run, kind, ["wamid.misspelt", "wamid.ada-1"], **dict.fromkeys(CHECKS[kind], "open"))


@pytest.mark.parametrize("of", ["wamid.ada-1", "wamid.unusable", "to-ada"])
async def test_no_conversation_of_a_message_instead_of_a_whatsapp_id_is_an_error(run: Run, of: str) -> None:
    with pytest.raises(UnknownCase):
        await check(run, "no_conversation", of)


async def test_window_that_is_neither_open_nor_closed_is_an_error(run: Run) -> None:
    with pytest.raises(UnknownCase):
        await check(run, "window", "wamid.ada-1", **{"is": "ajar"})


async def test_placeholders_are_ids_and_times_of_this_run(run: Run) -> None:
    contact, conversation = await run.resolve(["<contact of wamid.ada-1>", "<genesys conversation of wamid.ada-1>"])
    trace = await run.find_trace("wamid.ada-1")
    assert (contact, conversation) == (trace["contact"]["id"], trace["conversation"]["genesysConversationId"])
    assert await run.resolve("<wamid of to-ada>") == (await run.find_trace("to-ada"))["wamid"]
    now, earlier = await run.resolve(["<now>", "<now - 30 h>"])
    assert 0 <= int(now) - int(earlier) - 30 * 3600 <= 1
    written_at = await run.resolve("<now>", in_genesys=True)
    assert written_at.endswith("Z")
    assert len({*(await run.resolve(["<new>", "<new>", "<contact of wamid.never>", "<wamid of to-old>"]))}) == 4
    assert await run.resolve("a < b > c, <now> and then") == "a < b > c, <now> and then"


def test_numbers_of_a_case_are_those_of_its_bodies_after_the_tenants_own() -> None:
    case = parse_case("numbers", {"steps": STEPS, "checks": [CHECK]})
    assert list(case.numbers().items()) == [(NUMBER, f"waba-{NUMBER}"), (SECOND, f"waba-{SECOND}")]
    silent = parse_case("silent", {"steps": [STEPS[5]], "checks": [CHECK]})
    assert silent.numbers() == {NUMBER: WABA}


def test_case_is_read_from_its_file_in_the_folder_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-case.json").write_text(json.dumps({"source": "here", "steps": [STEP], "checks": [CHECK]}))
    monkeypatch.setenv("WAYSTATE_CASES", str(tmp_path))
    (path,) = cases_folder().glob("*.json")
    assert read_case(path).name == "a-case"
