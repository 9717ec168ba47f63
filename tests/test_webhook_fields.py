"""docs/reference/webhook-fields.md shows what the parser makes of an example of every field of WhatsApp's webhooks.

`python -m tests.test_webhook_fields` writes its tables.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.pages import with_tables
from waystate.channels.model import AccountReport, TemplateReport
from waystate.channels.whatsapp.account_reports import READERS
from waystate.channels.whatsapp.parse import FIELDS, parse_webhook
from waystate.channels.whatsapp.template_reports import CHANGES
from waystate.events.model import AnyEvent
from waystate.messages.model import AddressBookEntry, CallReport, EchoedMessage, InboundMessage, PastMessage, StandbyMessage
from waystate.pipeline.run import KINDS
from waystate.preferences.model import PreferenceReport

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "webhook-fields.md"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_US, _THEM = "15550783881", "16505551234"


class Use(NamedTuple):
    """What a field's changes become, how that is told, and an example."""

    item: type
    does: str
    told_as: str
    value: dict[str, Any]


_TEXT = {"id": "wamid.A", "timestamp": "1790000000", "type": "text", "text": {"body": "Hello"}}
_TEMPLATE = {"message_template_id": 12, "message_template_name": "welcome", "message_template_language": "en_US"}
USES: dict[str, Use] = {
    "messages": Use(
        InboundMessage,
        "customers' messages, and statuses of ours: the traffic itself. An error that comes alone stands on the timeline",
        "`inbound.enriched`, `message.status`, `message.payment`",
        {"messages": [{"from": _THEM} | _TEXT]},
    ),
    "smb_message_echoes": Use(
        EchoedMessage,
        "what the business wrote in WhatsApp's app on its phone: kept with the customer's conversation as `sent`, never sent "
        "again, and no message to Genesys; its agents read the newest beside the customer's next message. Opens a conversation "
        "where none is open",
        "`message.echoed`",
        {"message_echoes": [{"from": _US, "to": _THEM} | _TEXT]},
    ),
    "history": Use(
        PastMessage,
        "messages of before the number came, in chunks of any order: kept in a closed conversation of each customer. How far "
        "it is, or that the business declined, stands on the timeline",
        "none: it is past",
        {"history": [{"threads": [{"id": _THEM, "messages": [{"from": _THEM} | _TEXT]}]}]},
    ),
    "smb_app_state_sync": Use(
        AddressBookEntry,
        "names of the phone's address book: for customers who wrote and gave none of their own. Nobody becomes a customer by "
        "it, and an entry that is removed takes no name away",
        "`contact.named`",
        {"state_sync": [{"type": "contact", "action": "add", "contact": {"full_name": "Ada", "phone_number": _THEM}}]},
    ),
    "user_preferences": Use(
        PreferenceReport,
        "a customer wants no marketing of the number, or wants it again: until then templates of that category are refused",
        "`customer.preferences_changed`",
        {"user_preferences": [{"wa_id": _THEM, "category": "marketing_messages", "value": "stop"}]},
    ),
    "calls": Use(
        CallReport,
        "voice calls, which Waystate does not carry: a customer's call, answered or not, and the business's once it is "
        "accepted, open the customer's window. Each stands on the timeline",
        "`call.reported`, `window.opened`",
        {"calls": [{"id": "wacid.A", "from": _THEM, "event": "connect", "direction": "USER_INITIATED"}]},
    ),
    "standby": Use(
        StandbyMessage,
        "copies of what customers and another responder on the number say to each other: a customer's message opens their "
        "window and goes to no agent. All of it stands on the timeline; the other's messages and statuses do nothing more",
        "`window.opened`",
        {"standby": {"messages": [{"from": _THEM} | _TEXT]}},
    ),
    **{
        field: Use(TemplateReport, f"the template's {what}: [templates](../how-to/templates.md)", "`template.changed`", said)
        for field, what, said in (
            ("message_template_status_update", "status", _TEMPLATE | {"event": "PAUSED"}),
            ("message_template_quality_update", "quality", _TEMPLATE | {"new_quality_score": "GREEN"}),
            ("message_template_components_update", "texts", _TEMPLATE | {"message_template_element": "Hi"}),
            ("template_category_update", "category", _TEMPLATE | {"new_category": "MARKETING"}),
        )
    },
}
"""Fields whose changes have an effect."""
SAID: dict[str, list[dict[str, Any]]] = {
    "account_update": [
        {"event": "VERIFIED_ACCOUNT"},
        {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]},
        {
            "event": "DISABLED_UPDATE",
            "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "May 31, 2027"},
        },
        {"event": "PARTNER_REMOVED", "disconnection_info": {"reason": "PRIMARY_INACTIVITY"}},
    ],
    "account_alerts": [{"alert_info": {"alert_severity": "CRITICAL", "alert_status": "ACTIVE", "alert_type": "OBA_APPROVED"}}],
    "account_review_update": [{"decision": "REJECTED"}],
    "account_settings_update": [{"type": "phone_number_settings"}],
    "automatic_events": [{"automatic_events": [{"event_name": "Purchase"}]}],
    "business_capability_update": [{"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25}],
    "business_username_update": [{"username": "acme", "status": "approved"}],
    "business_username_updates": [{"username": "acme", "status": "reserved", "context": "revoked"}],
    "flows": [{"event": "FLOW_STATUS_CHANGE", "flow_id": "5", "new_status": "BLOCKED"}],
    "messaging_handovers": [{"type": "control_passed", "control_passed": {"new_owner_role": "customer_service"}}],
    "partner_solutions": [{"event": "SOLUTION_UPDATED", "solution_id": "5", "solution_status": "ACTIVE"}],
    "payment_configuration_update": [{"configuration_name": "upi", "status": "Active"}],
    "phone_number_name_update": [{"decision": "REJECTED", "requested_verified_name": "Acme", "rejection_reason": "FORMAT"}],
    "phone_number_quality_update": [
        {"event": "FLAGGED", "current_limit": "TIER_10K"},
        {"event": "UPGRADE", "max_daily_conversations_per_business": "TIER_100K"},
    ],
    "security": [{"event": "PIN_RESET_REQUEST"}],
    "standby": [{"standby": {"messages": [{}]}}],
    "user_id_update": [{"user_id_update": [{}]}],
    "group_lifecycle_update": [{"groups": [{"type": "group_create", "group_id": "Y2FwaV9ncm91cDo"}]}],
    "a field that is new": [{"event": "SOMETHING"}],
}
"""Fields that are kept on the account's timeline alone."""


def items_of(field: str, value: dict[str, Any]) -> list[Any]:
    whole = {"metadata": {"phone_number_id": "106", "display_phone_number": _US}} | value
    body = {"entry": [{"id": "102", "time": 1790000000, "changes": [{"field": field, "value": whole}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def uses_table() -> list[str]:
    rows = (f"| `{field}` | {use.does} | {use.told_as} |" for field, use in USES.items())
    return ["| field | what it is, and does | told as |", "|---|---|---|", *rows]


def said_table() -> list[str]:
    rows = []
    for field, values in SAID.items():
        for value in values:
            (report,) = items_of(field, value)
            name = field if field not in READERS and "_" not in field else f"`{field}`"
            rows.append(f"| {name} | {(report.event and f'`{report.event}`') or ''} | {report.severity} | {report.sentence} |")
    return ["| field | event | severity | sentence |", "|---|---|---|---|", *rows]


TABLES = {"uses": uses_table, "said": said_table}


def test_the_page_shows_what_the_parser_makes() -> None:
    assert PAGE.read_text() == with_tables(PAGE.read_text(), TABLES)


def test_every_field_that_the_parser_knows_is_on_the_page() -> None:
    assert USES.keys() == {"messages", *FIELDS, *CHANGES}
    assert SAID.keys() - {"group_lifecycle_update", "a field that is new"} == READERS.keys()


@pytest.mark.parametrize("field", USES)
def test_a_field_becomes_what_the_page_says(field: str) -> None:
    use = USES[field]
    assert use.item in {type(each) for each in items_of(field, use.value)}
    assert use.item in {kind.item for kind in KINDS}
    types = {
        name for each in AnyEvent.json_schema()["$defs"].values() if (name := each["properties"].get("type", {}).get("const"))
    }
    assert set(re.findall(r"`([\w.]+)`", use.told_as)) <= types


@pytest.mark.parametrize("field", SAID)
def test_a_field_of_the_account_is_an_entry_of_the_timeline(field: str) -> None:
    for value in SAID[field]:
        assert [type(each) for each in items_of(field, value)] == [AccountReport]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(), TABLES))
