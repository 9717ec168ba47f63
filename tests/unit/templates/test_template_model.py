"""What becomes of a template by what webhooks and listings say, however late and in whatever order."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.unit.templates.definitions import NOW, body, buttons, header, template
from waystate.channels.model import TemplateReport
from waystate.templates.model import LAG, Template, TemplateStep, TemplateSync, edited, list_out, list_similar, next_due, tell

MINUTE = timedelta(minutes=1)
BEFORE = NOW - timedelta(hours=2)


def report(at: datetime = NOW, **said: Any) -> TemplateReport:
    given = {"business_account_id": "102", "at": at, "external_id": "12", "name": "order_update", "language": "en_US"}
    return TemplateReport(**(given | said))


def sync(synced_at: datetime | None = None, **said: Any) -> TemplateSync:
    return TemplateSync(business_account_id="102", due_at=NOW, synced_at=synced_at, **said)


def known(**said: Any) -> Template:
    return template(body("Hi"), **({"status_at": BEFORE, "components_at": BEFORE} | said))


def told(template: Template | None, *reports: TemplateReport, synced_at: datetime | None = None) -> Template:
    for each in reports:
        template = tell(template, each, sync(synced_at)) or template
    assert template is not None
    return template


def test_webhooks_in_any_order_end_with_the_youngest_word():
    reports = [
        report(NOW, status="PAUSED", reason="x"),
        report(NOW + MINUTE, status="APPROVED"),
        report(NOW + 2 * MINUTE, quality="RED"),
        report(NOW - MINUTE, quality="GREEN"),
        report(NOW + 3 * MINUTE, category="MARKETING"),
        report(NOW - 3 * MINUTE, status="PAUSED"),
    ]
    for each in permutations(reports):
        ended = told(known(), *each)
        assert (ended.status, ended.reason, ended.quality, ended.category) == ("APPROVED", None, "RED", "MARKETING")
        assert ended.changed_at == NOW + 3 * MINUTE


def test_a_late_status_counts_beside_a_younger_quality():
    assert told(known(), report(NOW, quality="RED"), report(NOW - MINUTE, status="PAUSED")).status == "PAUSED"


def test_a_second_pause_holds_against_the_approval_before_it():
    reports = [report(NOW, status="PAUSED"), report(NOW + 2 * MINUTE, status="PAUSED"), report(NOW + MINUTE, status="APPROVED")]
    assert told(known(), *reports).status == "PAUSED"


def test_the_same_word_twice_changes_nothing():
    once = told(known(), report(status="PAUSED", reason="x"))
    assert told(once, report(status="PAUSED", reason="x")) == once


@pytest.mark.parametrize(("word", "status"), [("REINSTATED", "APPROVED"), ("UNARCHIVED", "APPROVED"), ("SHINY", "SHINY")])
def test_words_of_webhooks_alone_mean_what_a_listing_shows_and_unknown_ones_are_kept(word, status):
    assert told(known(status="DISABLED"), report(status=word)).status == status


def test_a_template_that_was_not_known_is_kept_with_what_is_known():
    made = tell(None, report(status="APPROVED", category="UTILITY"), sync())
    assert made is not None
    assert (made.key, made.external_id, made.status, made.components) == (("order_update", "en_US"), "12", "APPROVED", None)
    assert tell(None, report(name=None, status="APPROVED"), sync()) is None


def test_a_word_from_before_the_listing_says_nothing_more():
    listed_at = NOW + LAG + MINUTE
    assert told(known(), report(status="PAUSED"), synced_at=listed_at).status == "APPROVED"
    assert tell(None, report(status="APPROVED"), sync(listed_at)) is None, "it was gone by then"
    assert told(known(), report(status="PAUSED"), synced_at=NOW + LAG / 2).status == "PAUSED", "a listing may lag"


def test_the_end_of_an_earlier_template_is_not_that_of_its_successor():
    successor = known(external_id="13")
    assert told(successor, report(status="DELETED")) == successor
    assert told(successor, report(status="APPROVED", quality="RED")).external_id == "12"


def test_a_webhook_that_comes_after_a_listing_may_tell_of_what_was_before_it():
    (made,) = list_out([], [report(NOW, status="PENDING", components=[])], sync(), NOW)
    assert told(made.after, report(NOW - LAG / 2, status="APPROVED"), synced_at=NOW).status == "APPROVED"
    assert told(made.after, report(NOW - LAG * 2, status="APPROVED"), synced_at=NOW).status == "PENDING"


def test_a_listing_counts_unless_a_webhook_has_just_told_otherwise():
    def listed(at: datetime, synced_at: datetime | None, **said: Any) -> TemplateStep:
        (change,) = list_out([known(**said)], [report(at, status="PAUSED")], sync(synced_at), at)
        return change

    assert listed(NOW, None).after.status == "PAUSED"
    assert listed(NOW, BEFORE, status_at=NOW - LAG / 2).after.status == "APPROVED"
    assert listed(NOW, NOW - LAG / 4, status_at=NOW - LAG / 2).after.status == "PAUSED", "told again by a second listing"


def test_a_listing_that_says_the_same_is_no_change():
    before = known(reason="FIRST_PAUSE", status="PAUSED", external_id="12")
    listed = report(NOW, status="PAUSED", category="UTILITY", components=[body("Hi")], parameter_format="POSITIONAL")
    (change,) = list_out([before], [listed], sync(), NOW)
    assert not change.is_told
    assert (change.after.synced_at, change.after.status_at, change.after.reason) == (NOW, BEFORE, "FIRST_PAUSE")


def test_what_is_listed_no_more_is_deleted_once():
    (change,) = list_out([known()], [], sync(), NOW)
    assert (change.after.status, change.after.status_at, change.is_told) == ("DELETED", NOW - LAG, True)
    assert list_out([change.after], [], sync(NOW), NOW + MINUTE) == []


def test_what_a_webhook_has_just_told_of_is_not_deleted_by_a_listing_that_lags():
    made = tell(None, report(NOW, status="PENDING"), sync())
    assert made is not None
    assert list_out([made], [], sync(), NOW + LAG / 2) == []


def test_an_edit_changes_the_texts_it_tells_and_keeps_the_rest():
    url = {"type": "URL", "text": "Track", "url": "https://a/{{1}}", "example": ["https://a/1"]}
    before = [header(format="IMAGE"), body("Hi"), {"type": "FOOTER", "text": "Bye"}, buttons(url)]
    said = {"HEADER": "Title", "BODY": "Hello {{1}}", "BUTTONS": [{"type": "URL", "text": "Follow", "url": "https://a/{{1}}"}]}
    assert edited(before, said) == [
        header(format="IMAGE"),
        body("Hello {{1}}"),
        {"type": "FOOTER", "text": "Bye"},
        buttons({**url, "text": "Follow"}),
    ]
    assert edited([buttons(url, url)], said) == [buttons(url, url)], "not every button is told"
    assert told(known(components=before), report(texts=said)).components_at == NOW


def test_accounts_are_listed_hourly_each_at_its_own_time():
    waits = {next_due(str(account), NOW, timedelta(hours=1)) - NOW for account in range(1000, 1100)}
    assert len(waits) > 5
    assert all(timedelta(hours=1) <= each < timedelta(minutes=70) for each in waits)


def test_similar_names_are_the_close_ones():
    assert list_similar("Order_Updat", ["order_update", "hello_world"]) == ["order_update"]
