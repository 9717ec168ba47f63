"""From a bot's webhook to the customer's buttons, and from their tap to Genesys, over the wire of both."""

from pathlib import Path
from typing import Any

from tests.acceptance.cases.files import Case, Step
from tests.acceptance.cases.run import running

CUSTOMER = "15550100101"
NUMBER = "200000000000001"


def from_customer(wamid: str, **said: Any) -> Step:
    given: dict[str, Any] = {"id": wamid, "from": CUSTOMER, "timestamp": "<now>"}
    value = {"metadata": {"phone_number_id": NUMBER, "display_phone_number": "15550100999"}, "messages": [given | said]}
    value["contacts"] = [{"wa_id": CUSTOMER, "profile": {"name": "Ann Example"}}]
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}
    return Step(
        "whatsapp_webhook", {"object": "whatsapp_business_account", "entry": [{"id": "202290129340398", "changes": [change]}]}
    )


def from_genesys(message_id: str, **said: Any) -> Step:
    channel = {"id": "<integration>", "messageId": message_id, "to": {"id": "<contact of wamid.1>"}, "time": "<now>"}
    return Step("genesys_webhook", {"id": message_id, "channel": channel, "direction": "Outbound", **said})


async def test_a_choice_goes_out_as_buttons_and_comes_back_as_the_bots_own(database_url: str, tmp_path: Path) -> None:
    replies = [
        {"contentType": "QuickReply", "quickReply": {"text": each, "payload": f"{each} " + "p" * 300}} for each in ("Yes", "No")
    ]
    async with running(Case("offers", (), ()), database_url, tmp_path) as run:
        await run.do(from_customer("wamid.1", type="text", text={"body": "hello"}))
        await run.do(from_genesys("g.typing", type="Event", events=[{"eventType": "Typing", "typing": {"type": "On"}}]))
        marks = [call.body for call in run.far.calls if (call.body or {}).get("status") == "read"]
        assert [(each["message_id"], each["typing_indicator"]) for each in marks] == [("wamid.1", {"type": "text"})]
        await run.do(from_genesys("g.1", type="Structured", text="Do you want to proceed?", content=replies))
        (sent,) = [call for call in run.far.calls if (call.body or {}).get("type") == "interactive"]
        assert sent.is_accepted
        buttons = [each["reply"] for each in sent.body["interactive"]["action"]["buttons"]]
        assert [each["title"] for each in buttons] == ["Yes", "No"]
        tap = {"type": "button_reply", "button_reply": buttons[1]}
        context = {"from": "15550100999", "id": sent.answer["messages"][0]["id"]}
        await run.do(from_customer("wamid.2", type="interactive", interactive=tap, context=context))
        (response,) = [call for call in run.far.calls if call.path.endswith("/inbound/open/structured/response")]
        assert response.body["buttonResponse"] == {
            "type": "QuickReply",
            "text": "No",
            "payload": "No " + "p" * 300,
        }
        assert response.body["originatingMessageId"] == "g.1"
        assert response.is_accepted or [call.body["text"] for call in run.far.told("wamid.2") if call.is_accepted] == ["No"]
        trace = await run.find_trace("wamid.2")
        assert trace["status"] == "processed"
