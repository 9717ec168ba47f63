"""What an answer of either platform means for a delivery."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.attempts import FailureKind, find_retry_after
from waystate.channels.genesys.errors import outcome_of as genesys_outcome
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import kind_of
from waystate.channels.whatsapp.errors import outcome_of as whatsapp_outcome

ACCEPTED = b'{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"1"}],"messages":[{"id":"wamid.A"}]}'


def refusal(code, http_status=400, headers=None, **error):
    body = {"error": {"message": f"(#{code}) Words", "type": "OAuthException", "code": code} | error}
    return whatsapp_outcome(http_status, json.dumps(body).encode(), headers or {})


def test_accepted_send_is_sent_with_its_wamid():
    assert whatsapp_outcome(200, ACCEPTED, {}) == AttemptResult(outcome=Outcome.SENT, external_id="wamid.A", http_status=200)


def test_corpus_responses_are_all_sent(corpus):
    for name, body in corpus.files("whatsapp/api_send_response"):
        result = whatsapp_outcome(200, body, {})
        assert (result.outcome, result.external_id) == (Outcome.SENT, json.loads(body)["messages"][0]["id"]), name


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"messages":[]}', b'{"messages":[{"id":""}]}', b'{"messages":[5]}']
)
def test_success_that_cannot_be_read_is_unknown_and_not_sent_again(body):
    assert whatsapp_outcome(200, body, {}).outcome is Outcome.UNKNOWN


CODES = [
    (Outcome.FAILED, FailureKind.AUTH, [0, 3, 10, 102, 190, 200, 250, 299, 131005]),
    (
        Outcome.FAILED,
        FailureKind.ACCOUNT,
        [33, 368, 131031, 131037, 131045, 133000, 133006, 133007, 133010, 133015],
    ),
    (Outcome.FAILED, FailureKind.BILLING, [131042, 131044, 134011]),
    (Outcome.RETRY, FailureKind.THROTTLE, [4, 17, 32, 341, 613, 80007, 80008, 130429, 131048, 131056, 131057, 131208]),
    (Outcome.UNKNOWN, FailureKind.TRANSIENT, [1, 2, 131000, 131016, 133004]),
    (Outcome.FAILED, FailureKind.WINDOW, [131047]),
    (
        Outcome.FAILED,
        FailureKind.RECIPIENT,
        [131026, 131021, 131030, 130472, 131049, 130497, 131062, 138009, 138012, 131020, 131041, 131207],
    ),
    (Outcome.FAILED, FailureKind.OPT_OUT, [131050]),
    (Outcome.FAILED, FailureKind.OWNER, [131070, 2494191, 138038]),
    (Outcome.FAILED, FailureKind.REQUEST, [100, 131008, 131009, 131051, 131052, 131053, 131204, 131211, 135000, 999999]),
    (
        Outcome.FAILED,
        FailureKind.TEMPLATE,
        [132000, 132001, 132005, 132007, 132012, 132015, 132016, 132068, 132069, 131061],
    ),
]


@pytest.mark.parametrize(("outcome", "kind", "codes"), CODES)
def test_code_decides_whatever_the_http_status(outcome, kind, codes):
    for code in codes:
        result = refusal(code)
        assert (result.outcome, result.error["kind"]) == (outcome, kind), code
        assert kind_of(code) is kind, code
    for http_status in (400, 403, 404, 429, 500):
        assert refusal(codes[0], http_status).error["kind"] == kind, http_status


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error_subcode": 33, "type": "GraphMethodException"}, FailureKind.ACCOUNT),
        ({"error_subcode": 33}, FailureKind.ACCOUNT),
        ({"error_subcode": "33"}, FailureKind.ACCOUNT),
        ({"type": "GraphMethodException"}, FailureKind.ACCOUNT),
        ({"error_subcode": 33, "is_transient": True}, FailureKind.ACCOUNT),
        ({"error_subcode": 2494010}, FailureKind.REQUEST),
        ({"error_subcode": 2494010, "type": "GraphMethodException"}, FailureKind.REQUEST),
        ({"error_subcode": None}, FailureKind.REQUEST),
        ({"error_subcode": True}, FailureKind.REQUEST),
        ({"error_subcode": [33]}, FailureKind.REQUEST),
    ],
)
@pytest.mark.parametrize("http_status", [400, 404, 500])
def test_number_that_does_not_exist_for_the_token_is_the_accounts_fault_and_a_wrong_parameter_the_messages(
    said, kind, http_status
):
    result = refusal(100, http_status, **said)
    assert (result.outcome, result.error["kind"], result.error["code"]) == (Outcome.FAILED, kind, 100)


def test_corpus_errors_have_the_documented_outcomes(corpus):
    expected = {1: Outcome.UNKNOWN, 2: Outcome.UNKNOWN, 4: Outcome.RETRY}
    for name, body in corpus.files("whatsapp/api_error"):
        code = json.loads(body)["error"]["code"]
        result = whatsapp_outcome(400, body, {})
        assert result.outcome is expected.get(code, Outcome.FAILED), name
        assert result.error["code"] == code, name
        assert result.error["message"], name


@pytest.mark.parametrize(
    ("http_status", "body", "outcome", "kind"),
    [
        (401, b"", Outcome.FAILED, FailureKind.AUTH),
        (402, b"pay first", Outcome.FAILED, FailureKind.BILLING),
        (404, b"not here", Outcome.FAILED, FailureKind.REQUEST),
        (403, b"<html>forbidden</html>", Outcome.FAILED, FailureKind.AUTH),
        (408, b"", Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (425, b"", Outcome.RETRY, FailureKind.THROTTLE),
        (429, b"<html>slow down</html>", Outcome.RETRY, FailureKind.THROTTLE),
        *(
            (status, b"<html>oops</html>", Outcome.UNKNOWN, FailureKind.TRANSIENT)
            for status in (500, 502, 503, 504, *range(520, 530))
        ),
        (500, b"", Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (500, b'{"error":{"message":"x","co', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (500, b'{"error":{"message":"no code"}}', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (500, b'{"error":{"message":"new","code":987654}}', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (504, b'{"error":{"message":"x","code":2}}', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (500, b'{"error":{"message":"x","code":131047}}', Outcome.FAILED, FailureKind.WINDOW),
        (500, b'{"error":{"message":"x","code":190}}', Outcome.FAILED, FailureKind.AUTH),
        (503, b'{"error":{"message":"x","code":130429}}', Outcome.RETRY, FailureKind.THROTTLE),
        *((status, b"", Outcome.UNKNOWN, FailureKind.TRANSIENT) for status in (101, 302, 303, 307, 444, 460, 499)),
        (400, b'{"error":"text"}', Outcome.FAILED, FailureKind.REQUEST),
        (403, b'{"error":{"code":424242,"message":"x","is_transient":true}}', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (401, b'{"error":{"code":190,"message":"x","is_transient":true}}', Outcome.FAILED, FailureKind.AUTH),
        (429, b'{"error":{"code":424242,"message":"x","is_transient":true}}', Outcome.RETRY, FailureKind.THROTTLE),
        (400, b'{"error":{"code":"x","message":5}}', Outcome.FAILED, FailureKind.REQUEST),
        (400, b'{"error":{"code":424242,"message":"x","is_transient":true}}', Outcome.UNKNOWN, FailureKind.TRANSIENT),
        (400, b'{"error":{"code":131047,"message":"x","is_transient":true}}', Outcome.FAILED, FailureKind.WINDOW),
    ],
)
def test_answer_without_a_known_code_goes_by_its_http_status(http_status, body, outcome, kind):
    result = whatsapp_outcome(http_status, body, {})
    assert (result.outcome, result.error["kind"], result.http_status) == (outcome, kind, http_status)


def test_error_is_told_in_one_shape():
    result = refusal(131047, error_data={"messaging_product": "whatsapp", "details": "More than 24 hours have passed."})
    assert result.error == {
        "code": 131047,
        "title": "Words",
        "message": "(#131047) Words",
        "details": "More than 24 hours have passed.",
        "kind": "window",
    }


def test_retry_after_is_passed_on_only_where_it_counts():
    assert refusal(130429, 429, {"Retry-After": "7"}).retry_after == 7
    assert refusal(130429, 429).retry_after is None
    assert refusal(131026, 400, {"Retry-After": "7"}).retry_after is None
    assert whatsapp_outcome(503, b"busy", {"Retry-After": "7"}).retry_after == 7, "the account's next sends wait"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"RETRY-AFTER": " 120 "}, 120),
        ({"Retry-After": "9" * 400}, 86_400),
        ({"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT", "Date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 30),
        ({"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT", "Date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 0),
        ({"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers, seconds):
    assert find_retry_after(headers) == seconds


def test_genesys_message_is_sent_with_both_ids():
    body = b'{"id":"m-1","channel":{},"type":"Text","text":"Hi","conversationId":"d06c"}'
    expected = AttemptResult(outcome=Outcome.SENT, external_id="m-1", conversation_id="d06c", http_status=202)
    assert genesys_outcome(202, body, {}) == expected


def test_genesys_receipt_is_sent_without_a_body():
    assert genesys_outcome(204, b"", {}) == AttemptResult(outcome=Outcome.SENT, http_status=204)


@pytest.mark.parametrize(
    ("http_status", "outcome", "kind"),
    [
        (400, Outcome.FAILED, FailureKind.REQUEST),
        (401, Outcome.FAILED, FailureKind.AUTH),
        (403, Outcome.FAILED, FailureKind.AUTH),
        (404, Outcome.FAILED, FailureKind.REQUEST),
        (408, Outcome.RETRY, FailureKind.TRANSIENT),
        (413, Outcome.FAILED, FailureKind.REQUEST),
        (429, Outcome.RETRY, FailureKind.THROTTLE),
        (500, Outcome.RETRY, FailureKind.TRANSIENT),
        (502, Outcome.RETRY, FailureKind.TRANSIENT),
        (503, Outcome.RETRY, FailureKind.TRANSIENT),
        (504, Outcome.RETRY, FailureKind.TRANSIENT),
    ],
)
def test_genesys_refusals_go_by_http_status(http_status, outcome, kind):
    body = b'{"message":"no","code":"bad.request","status":400,"contextId":"ctx","details":[{"x":1}],"errors":[]}'
    result = genesys_outcome(http_status, body, {"Retry-After": "4"})
    assert (result.outcome, result.http_status) == (outcome, http_status)
    assert result.error == {
        "code": "bad.request",
        "message": "no",
        "details": [{"x": 1}],
        "correlation_id": "ctx",
        "kind": kind,
    }
    assert result.retry_after == (4 if outcome is Outcome.RETRY else None)


def test_correlation_id_of_genesys_is_found_in_the_headers_too():
    assert genesys_outcome(500, b"oops", {"ININ-Correlation-Id": "c"}).error["correlation_id"] == "c"


@given(
    http_status=st.integers(100, 599),
    body=st.binary()
    | st.builds(
        lambda tree: json.dumps(tree).encode(),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: st.dictionaries(st.sampled_from(["error", "code", "messages", "id"]), inner),
        ),
    ),
)
def test_any_answer_has_an_outcome(http_status, body):
    for outcome_of in (whatsapp_outcome, genesys_outcome):
        result = outcome_of(http_status, body, {"Retry-After": "x"})
        assert (result.outcome is Outcome.SENT) <= (200 <= http_status < 300)
        assert (result.error is None) == (result.outcome is Outcome.SENT)
