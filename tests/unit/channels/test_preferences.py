"""What customers want of marketing messages, read from webhooks."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.channels.test_parse_anything import TREES, check
from waystate.channels.model import AccountReport, Value
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.preferences.model import Marketing, PreferenceReport

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SAID = {"wa_id": "16505551234", "detail": "No more", "category": "marketing_messages", "value": "stop", "timestamp": 1731705721}


def parsed(*said: Any, **value: Any) -> list[Value]:
    whole = {"metadata": {"phone_number_id": "106"}, "user_preferences": list(said)} | value
    body = {"entry": [{"id": "102", "changes": [{"field": "user_preferences", "value": whole}]}]}
    return [item.value for item in parse_webhook(json.dumps(body).encode(), NOW, "o").items]


def test_corpus_preferences_are_told_of_their_customers(corpus: Any) -> None:
    found = []
    for name, body in corpus.files("whatsapp/user_preferences"):
        for item in parse_webhook(body, NOW, "o").items:
            assert isinstance(item.value, PreferenceReport), name
            found.append((item.value.wa_id, item.value.marketing))
    assert found == [("16505551234", "opted_in")] * 2


@pytest.mark.parametrize(
    ("word", "marketing"), [("stop", Marketing.OPTED_OUT), ("resume", Marketing.OPTED_IN), ("signup", Marketing.OPTED_IN)]
)
def test_a_preference_says_who_wants_what(word: str, marketing: Marketing) -> None:
    (report,) = parsed(
        SAID | {"value": word}, contacts=[{"wa_id": "16505551234", "user_id": "US.1", "profile": {"name": "Ada"}}]
    )
    assert report == PreferenceReport(
        phone_number_id="106",
        marketing=marketing,
        at=datetime(2024, 11, 15, 21, 22, 1, tzinfo=UTC),
        wa_id="16505551234",
        user_id="US.1",
        contact_name="Ada",
        detail="No more",
        origin="o:0.0.p0",
    )


def test_who_has_no_phone_is_known_by_the_user_id() -> None:
    (report,) = parsed(SAID | {"wa_id": "", "user_id": "US.1"})
    assert isinstance(report, PreferenceReport)
    assert (report.wa_id, report.user_id) == (None, "US.1")


@pytest.mark.parametrize("said", [None, 5, {}, SAID | {"value": "new"}, SAID | {"category": "jokes"}, SAID | {"wa_id": "x"}])
def test_what_says_nothing_of_use_is_kept_whole(said: Any) -> None:
    kept, _ = parsed(said, SAID)
    assert isinstance(kept, AccountReport)
    assert kept.value == (said if isinstance(said, dict) else {"value": said})


@settings(max_examples=200)
@given(said=TREES, contact=TREES)
def test_any_preference_is_answered(said: Any, contact: Any) -> None:
    value = {"metadata": {"phone_number_id": "1"}, "user_preferences": [said, SAID | {"value": said}], "contacts": [contact]}
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "user_preferences", "value": value}]}]}).encode())
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "user_preferences", "value": said}]}]}).encode())
