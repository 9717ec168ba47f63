"""What WhatsApp says of accounts and numbers as such: each has its sentence and how bad it is, and none is lost."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport
from waystate.channels.whatsapp.account_reports import READERS
from waystate.channels.whatsapp.parse import parse_webhook

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def body(field: str, value: Any, **entry: Any) -> bytes:
    return json.dumps({"entry": [{"id": "102", **entry, "changes": [{"field": field, "value": value}]}]}).encode()


def told(field: str, value: Any, at: datetime = NOW, **entry: Any) -> AccountReport:
    (item,) = parse_webhook(body(field, value, **({"time": 1751247548} | entry)), at, "o").items
    assert isinstance(item.value, AccountReport)
    return item.value


@pytest.mark.parametrize(
    ("field", "value", "severity", "part"),
    [
        ("account_update", {"event": "VERIFIED_ACCOUNT"}, "info", "is verified"),
        (
            "account_update",
            {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "X"}]},
            "critical",
            " X.",
        ),
        ("account_update", {"event": "ACCOUNT_OFFBOARDED"}, "critical", "disconnected"),
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, "info", "reinstated"),
        ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, "critical", "has disabled"),
        (
            "account_update",
            {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}},
            "critical",
            "will",
        ),
        ("account_update", {"event": "PARTNER_REMOVED", "disconnection_info": {"reason": "IDLE"}}, "warning", "Reason: IDLE."),
        ("account_update", {"event": "BRAND_NEW"}, "info", "BRAND_NEW"),
        ("account_alerts", {"alert_info": {"alert_severity": "CRITICAL", "alert_type": "OBA"}}, "critical", "OBA"),
        ("account_alerts", {"alert_severity": "WARNING", "alert_status": "RESOLVED"}, "info", "RESOLVED"),
        ("account_review_update", {"decision": "APPROVED"}, "info", "APPROVED"),
        ("account_review_update", {"decision": "REJECTED"}, "critical", "REJECTED"),
        ("phone_number_name_update", {"decision": "REJECTED", "rejection_reason": "A\nB"}, "warning", "Reason: A B."),
        ("phone_number_quality_update", {"event": "FLAGGED", "current_limit": "TIER_1K"}, "warning", "TIER_1K"),
        ("phone_number_quality_update", {"event": "UPGRADE", "current_limit": 2000}, "info", "to 2000 customers"),
        ("business_capability_update", {"max_phone_numbers_per_waba": 25}, "info", "25 numbers of the business account"),
        ("security", {"event": "PIN_CHANGED", "requester": "1"}, "warning", "PIN was changed"),
        ("business_username_updates", {"username": "acme", "status": "approved"}, "info", "acme is now approved"),
        ("business_username_updates", {"username": "acme", "status": "reserved", "context": "revoked"}, "warning", "reserved"),
        ("payment_configuration_update", {"configuration_name": "p", "status": "Active"}, "info", "p is now Active"),
        (
            "partner_solutions",
            {"event": "SOLUTION_UPDATED", "solution_id": "5", "solution_status": "ACTIVE"},
            "info",
            "5 is now",
        ),
        ("flows", {"event": "FLOW_STATUS_CHANGE", "flow_id": "5", "new_status": "BLOCKED"}, "critical", "Flow 5"),
        ("flows", {"event": "ENDPOINT_LATENCY", "message": "Slow.", "alert_state": "ACTIVATED"}, "warning", "Slow."),
        ("automatic_events", {"automatic_events": [{"event_name": "Purchase"}]}, "info", "Purchase"),
        ("group_status_update", {"groups": [{"type": "group_suspend", "group_id": "G"}]}, "warning", "(G): group_suspend"),
        ("group_participants_update", {"groups": [{"group_id": "G", "removed_participants": [{}, {}]}]}, "info", "?. 2 left."),
        ("standby", {"standby": {"messages": [{}, {}]}}, "info", "copies: messages (2)"),
        (
            "messaging_handovers",
            {"type": "control_passed", "control_passed": {"new_owner_role": "a"}},
            "info",
            "was passed: from",
        ),
        ("brand_new", {"event": "SOMETHING"}, "info", "brand_new"),
    ],
)
def test_a_field_is_told_with_a_sentence_and_how_bad_it_is(field: str, value: Any, severity: str, part: str) -> None:
    report = told(field, value)
    assert (report.field, report.severity, report.value) == (field, severity, value)
    assert part in report.sentence
    assert report.sentence.endswith(".")
    assert (report.business_account_id, report.at) == ("102", datetime(2025, 6, 30, 1, 39, 8, tzinfo=UTC))


def test_quality_and_limit_are_facts_of_the_number() -> None:
    flagged = told("phone_number_quality_update", {"display_phone_number": "1555", "event": "FLAGGED", "current_limit": 250})
    assert (flagged.display_phone_number, flagged.quality, flagged.messaging_limit) == ("1555", "FLAGGED", "250")
    raised = told("phone_number_quality_update", {"event": "UPGRADE", "max_daily_conversations_per_business": "TIER_2K"})
    assert (raised.quality, raised.messaging_limit) == (None, "TIER_2K")


def test_a_copy_has_the_same_digest_wherever_it_stands_and_another_time_another() -> None:
    first = told("security", {"event": "PIN_CHANGED"})
    two = json.dumps(
        {
            "entry": [
                {"id": "102", "time": 1, "changes": [{"field": "brand_new", "value": {}}]},
                {"id": "102", "time": 1751247548, "changes": [{"field": "security", "value": {"event": "PIN_CHANGED"}}]},
            ]
        }
    )
    again = parse_webhook(two.encode(), NOW + timedelta(days=3), "other").items[1].value
    assert isinstance(again, AccountReport)
    assert again.digest == first.digest
    assert told("security", {"event": "PIN_CHANGED"}, time=1751247549).digest != first.digest
    assert told("security", {"event": "PIN_RESET_REQUEST"}).digest != first.digest


def test_what_says_no_time_counts_as_said_once_a_day() -> None:
    today, later = (told("security", {}, at, time=None) for at in (NOW, NOW + timedelta(hours=3)))
    assert today.digest == later.digest != told("security", {}, NOW + timedelta(days=1), time=None).digest


@pytest.mark.parametrize("value", [None, [], "text", 5, {"deep": [None]}])
def test_an_odd_value_is_kept_whole(value: Any) -> None:
    assert told("account_update", value).value == (value if isinstance(value, dict) else {"value": value})


def test_a_handover_is_routed_by_the_number_that_it_names() -> None:
    value = {"recipient": {"phone_number_id": "106", "display_phone_number": "15550783881"}, "type": "control_taken"}
    (item,) = parse_webhook(body("messaging_handovers", value), NOW, "o").items
    assert item.phone_number_id == "106"


@settings(max_examples=300)
@given(name=st.sampled_from([*READERS, "group_lifecycle_update", "x" * 600]), value=TREES, time=TREES)
def test_any_value_of_any_field_is_answered(name: str, value: Any, time: Any) -> None:
    document = body(name, value, time=time)
    check(document)
    for item in parse_webhook(document, NOW, "o").items:
        assert isinstance(item.value, AccountReport)
        assert item.value.sentence
        assert len(item.value.field) <= 100
