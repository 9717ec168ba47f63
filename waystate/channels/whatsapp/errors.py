"""What WhatsApp's errors mean, in one table, of an answer to a send as of a `failed` status. Pure.

Decided on `error.code`: titles change and HTTP statuses are inconsistent.
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/
https://developers.facebook.com/documentation/business-messaging/whatsapp/groups/error-codes/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waystate.channels.attempts import HELD, FailureKind, find_retry_after
from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.model import AttemptResult, Outcome
from waystate.documents import JsonObject, Unreadable, parse


class Reach(StrEnum):
    """Whose limit it is: of this number with this customer, of the number, of its business account, of the app."""

    PAIR = "pair"
    NUMBER = "number"
    WABA = "waba"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Limit:
    """Whoever met it rests `first` seconds, four times as long each further time, `longest` at most.

    "4^X seconds, X starts at 0": https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform
    """

    reach: Reach
    first: float = 1.0
    longest: float = 256.0

    def rest(self, times: int) -> float:
        """Returns seconds; `times`: how often in a row it was met before."""
        return min(self.first * 4.0 ** min(times, 10), self.longest)


@dataclass(frozen=True, slots=True)
class Rule:
    """What these codes mean. `reason` is Genesys' code for a Failed receipt, `says` what its agent reads."""

    codes: tuple[int, ...]
    kind: FailureKind
    reason: str
    says: str
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What an error of a kind does to the message, to what waits for the same customer, and to the number's other messages."""

    outcome: Outcome
    message: str
    queue: str
    number: str


_FAILS = Course(Outcome.FAILED, "fails", "goes on", "goes on")
_WAITS = Course(Outcome.FAILED, "waits", "waits", "is held until somebody mends the cause; one message every 30 s finds out")
COURSES: dict[FailureKind, Course] = {
    FailureKind.AUTH: _WAITS,
    FailureKind.ACCOUNT: _WAITS,
    FailureKind.BILLING: _WAITS,
    # A limit is judged before anything is done.
    FailureKind.THROTTLE: Course(Outcome.RETRY, "is sent again", "waits", "rests as far as the limit reaches"),
    # A fault over there can come at any moment, also after the message was taken.
    FailureKind.TRANSIENT: Course(Outcome.UNKNOWN, "is unknown, and never sent again", "waits for a status, 30 s", "goes on"),
    FailureKind.WINDOW: _FAILS,
    FailureKind.RECIPIENT: _FAILS,
    FailureKind.OPT_OUT: _FAILS,
    FailureKind.OWNER: _FAILS,
    FailureKind.TEMPLATE: _FAILS,
    FailureKind.REQUEST: _FAILS,
}
"""Of an answer. A `failed` status fails its message, whatever the kind; of the held kinds it holds the number too."""

_NOT_ALLOWED = "MessageNotAllowed"
_MALFORMED = "InvalidMessageStructure"
_LIMITED = "RateLimited"
_NO_ONE = "InvalidDestination"
_ADMINISTRATOR = "Tell an administrator, and send it again once that is mended."
_SLOW = "Wait a few minutes and send it again."

NO_SUCH_NUMBER = Rule(
    (33,),
    FailureKind.ACCOUNT,
    _NOT_ALLOWED,
    f"Not delivered: WhatsApp does not know this business number, or it is not this connection's to use. {_ADMINISTRATOR}",
)
"""Also code 100 with `error_subcode` 33, or of type `GraphMethodException`, when the number itself does not exist."""
NO_DIRECT_SEND = Rule(
    (100,),
    FailureKind.REQUEST,
    _NOT_ALLOWED,
    "Not delivered: this business may not send such a message without a template yet. Send an approved template instead.",
)
"""Code 100 whose details name `category`: Direct Send is not enabled."""
_TRANSIENT_SAYS = "Not delivered: WhatsApp had a fault of its own. Send it again; if it fails again, wait a few minutes."

TABLE: tuple[Rule, ...] = (
    Rule(
        (0, 102, 190),
        FailureKind.AUTH,
        _NOT_ALLOWED,
        f"Not delivered: WhatsApp refuses this number's access token, which has expired or was revoked. {_ADMINISTRATOR}",
    ),
    Rule(
        (3, 10, *range(200, 300), 131005),
        FailureKind.AUTH,
        _NOT_ALLOWED,
        f"Not delivered: this connection lacks a permission at WhatsApp. {_ADMINISTRATOR}",
    ),
    NO_SUCH_NUMBER,
    Rule(
        (368, 131031, 133007),
        FailureKind.ACCOUNT,
        _NOT_ALLOWED,
        f"Not delivered: WhatsApp has locked or restricted this business. {_ADMINISTRATOR}",
    ),
    Rule(
        (131037,),
        FailureKind.ACCOUNT,
        _NOT_ALLOWED,
        f"Not delivered: WhatsApp has not approved this number's display name yet. {_ADMINISTRATOR}",
    ),
    Rule(
        (131045, 133000, 133006, 133010, 133015),
        FailureKind.ACCOUNT,
        _NOT_ALLOWED,
        f"Not delivered: this number is not registered, or not wholly, at WhatsApp. {_ADMINISTRATOR}",
    ),
    Rule(
        (131042, 131044),
        FailureKind.BILLING,
        _NOT_ALLOWED,
        f"Not delivered: WhatsApp waits for a payment, or a way to pay, of this business. {_ADMINISTRATOR}",
    ),
    Rule(
        (134011,),
        FailureKind.BILLING,
        _NOT_ALLOWED,
        f"Not delivered: WhatsApp's terms of payment are not accepted for this business. {_ADMINISTRATOR}",
    ),
    Rule(
        (131056,),
        FailureKind.THROTTLE,
        _LIMITED,
        "Not delivered: too many messages went to this customer in a short time. Wait a few minutes, then say it in one.",
        Limit(Reach.PAIR),
    ),
    Rule(
        (131208,),
        FailureKind.THROTTLE,
        _LIMITED,
        f"Not delivered: too much was done in groups in a short time. {_SLOW}",
        # Of operations on groups: what goes to single customers is not limited by it.
        Limit(Reach.PAIR),
    ),
    Rule(
        (130429,),
        FailureKind.THROTTLE,
        _LIMITED,
        f"Not delivered: this number sends more than WhatsApp takes at once. {_SLOW}",
        Limit(Reach.NUMBER),
    ),
    Rule(
        (131057,),
        FailureKind.THROTTLE,
        _LIMITED,
        f"Not delivered: WhatsApp is changing this number's account and takes nothing meanwhile. {_SLOW}",
        Limit(Reach.NUMBER, first=30.0),
    ),
    Rule(
        (131048,),
        FailureKind.THROTTLE,
        _LIMITED,
        "Not delivered: WhatsApp slows this number down, because customers blocked or reported its messages. "
        "Send only what customers wait for, and tell an administrator.",
        Limit(Reach.NUMBER, first=600.0, longest=3600.0),
    ),
    Rule(
        (80007, 80008),
        FailureKind.THROTTLE,
        _LIMITED,
        f"Not delivered: this business's numbers together send more than WhatsApp takes at once. {_SLOW}",
        Limit(Reach.WABA, first=4.0),
    ),
    Rule(
        (4, 17, 32, 341, 613),
        FailureKind.THROTTLE,
        _LIMITED,
        f"Not delivered: this connection calls WhatsApp more often than it may. {_SLOW}",
        Limit(Reach.APP, first=4.0),
    ),
    Rule((1, 2, 131000, 131016, 133004), FailureKind.TRANSIENT, "ServerError", _TRANSIENT_SAYS),
    Rule(
        (131047,),
        FailureKind.WINDOW,
        "MessageExpired",
        "Not delivered: the customer's last message is more than 24 hours old. Send an approved template, or wait until they "
        "write.",
    ),
    Rule(
        (131026,),
        FailureKind.RECIPIENT,
        _NO_ONE,
        "Not delivered: WhatsApp cannot reach this customer. They may not use WhatsApp, have an old version of it, or have "
        "blocked this business. Reach them in another way.",
    ),
    Rule(
        (131021,),
        FailureKind.RECIPIENT,
        _NO_ONE,
        "Not delivered: the message was addressed to this business's own number. Write to the customer's.",
    ),
    Rule(
        (131030,),
        FailureKind.RECIPIENT,
        _NO_ONE,
        "Not delivered: this is a test number, and the customer is not on its list of recipients. Tell an administrator.",
    ),
    Rule(
        (131062,),
        FailureKind.RECIPIENT,
        _NO_ONE,
        "Not delivered: this template cannot go to a customer whose phone number WhatsApp does not tell. Choose another "
        "template, or ask for the number.",
    ),
    Rule(
        (130472,),
        FailureKind.RECIPIENT,
        _NOT_ALLOWED,
        "Not delivered: WhatsApp keeps marketing from this customer as part of an experiment. Sending it again does not help; "
        "wait until they write.",
    ),
    Rule(
        (131049,),
        FailureKind.RECIPIENT,
        _NOT_ALLOWED,
        "Not delivered: WhatsApp keeps further marketing from this customer for now. Do not send it again today.",
    ),
    Rule(
        (130497,),
        FailureKind.RECIPIENT,
        _NOT_ALLOWED,
        "Not delivered: this business may not send such messages to the customer's country. Reach them in another way.",
    ),
    Rule(
        (138009, 138012),
        FailureKind.RECIPIENT,
        _LIMITED,
        "Not delivered: this customer was called, or asked whether they may be, as often as WhatsApp allows in a day. Try "
        "again tomorrow.",
    ),
    Rule(
        (131050,),
        FailureKind.OPT_OUT,
        "RecipientOptedOut",
        "Not delivered: this customer wants no marketing from this business. Do not send it again.",
    ),
    Rule(
        (131070,),
        FailureKind.OWNER,
        _NOT_ALLOWED,
        "Not delivered: the conversation is handled by another responder of this business. Send an approved template, or wait "
        "until it is handed to you.",
    ),
    Rule(
        (2494191,),
        FailureKind.OWNER,
        _NOT_ALLOWED,
        "The conversation is handled by another responder, and only the escalation partner may take it over. Ask an "
        "administrator to change the routing in Meta Business Suite.",
    ),
    Rule(
        (138038,),
        FailureKind.OWNER,
        _NOT_ALLOWED,
        "The call is handled by another responder of this business. Ask an administrator to change the routing in Meta "
        "Business Suite.",
    ),
    Rule(
        (132000, 132005, 132012),
        FailureKind.TEMPLATE,
        _MALFORMED,
        "Not delivered: what was filled into the template does not fit it. Check number, kind and length of its values, and "
        "send it again.",
    ),
    Rule(
        (132001,),
        FailureKind.TEMPLATE,
        _MALFORMED,
        "Not delivered: there is no approved template of this name in this language. Choose another template or language.",
    ),
    Rule(
        (132007,),
        FailureKind.TEMPLATE,
        _NOT_ALLOWED,
        "Not delivered: the template breaks a policy of WhatsApp. Choose another template.",
    ),
    Rule(
        (132015, 132016),
        FailureKind.TEMPLATE,
        _NOT_ALLOWED,
        "Not delivered: WhatsApp has paused or disabled this template for its low quality. Choose another template.",
    ),
    Rule(
        (131061,),
        FailureKind.TEMPLATE,
        _NOT_ALLOWED,
        "Not delivered: this template has a bid price and cannot be sent in this way. Choose another template.",
    ),
    Rule(
        (132068,),
        FailureKind.TEMPLATE,
        _NOT_ALLOWED,
        "Not delivered: WhatsApp has blocked the form in this message. Choose another template, and tell an administrator.",
    ),
    Rule(
        (132069,),
        FailureKind.TEMPLATE,
        _LIMITED,
        "Not delivered: the form in this message was sent as often as WhatsApp allows for now. Try again in an hour.",
    ),
    Rule(
        (131020, 131041),
        FailureKind.RECIPIENT,
        _NO_ONE,
        "Not delivered: the group has no other member, is gone, or this business is not in it. Write to each member.",
    ),
    Rule(
        (131207,),
        FailureKind.RECIPIENT,
        _NOT_ALLOWED,
        "Not delivered: WhatsApp has suspended this group. Write to its members one by one.",
    ),
    Rule(
        (131204, 131211),
        FailureKind.REQUEST,
        _NOT_ALLOWED,
        "Not done: the group would have too many members, or the number too many groups. Tell an administrator.",
    ),
    Rule(
        (100, 131008, 131009, 135000),
        FailureKind.REQUEST,
        _MALFORMED,
        "Not delivered: WhatsApp cannot read the message as it is. Write it anew and simpler; if it fails again, tell an "
        "administrator.",
    ),
    Rule(
        (131051,),
        FailureKind.REQUEST,
        "UnsupportedMessage",
        "Not delivered: WhatsApp does not take this type of message. Write it as text, or send it as a document.",
    ),
    Rule(
        (131052, 131053),
        FailureKind.REQUEST,
        "MediaTypeNotAllowed",
        "Not delivered: WhatsApp cannot fetch or read the file. Check its type and size, and send it again.",
    ),
)
_RULES = {code: rule for rule in TABLE for code in rule.codes}
_NO_SUCH_OBJECT = 33
_DETAILED = frozenset({FailureKind.TEMPLATE, FailureKind.REQUEST})
"""Kinds of which WhatsApp's own details say what is wrong."""


def find_rule(error: JsonObject | None) -> Rule | None:
    """Returns the table's row for an error: of an answer, as it came or as it is kept, or of a `failed` status."""
    code = None if error is None else _find_code(error.get("code"))
    if error is not None and code == 100:
        if error.get("kind") == FailureKind.ACCOUNT or _lacks_object(error):
            return NO_SUCH_NUMBER
        if re.search(r"\bcategory\b", _find_details(error) or ""):
            return NO_DIRECT_SEND
    return None if code is None else _RULES.get(code)


def find_limit(error: JsonObject | None) -> Limit | None:
    """Returns the limit that an error tells of; None also where the code is not known, only its HTTP status."""
    rule = find_rule(error)
    return None if rule is None else rule.limit


def sentence_of(rule: Rule, error: JsonObject) -> str:
    """Returns what the agent reads: what to do, WhatsApp's code for whoever looks it up, and its details where they help."""
    details = _find_details(error) if rule.kind in _DETAILED else None
    return f"{rule.says} (WhatsApp {error.get('code')}{f': {details}' if details else ''})"


def outcome_of(http_status: int, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
    """What one answered send came to.

    Only what proves that nothing was sent is `retry` or `failed`: there is no idempotency key, so a second send is a second
    message. Whatever else came, a success that cannot be read among it, is `unknown` (decision 0022).
    """
    answer = _find_answer(body)
    if 200 <= http_status < 300:
        return _accepted(http_status, answer)
    error = find_object(answer, "error")
    kind = _kind_of_error(error, http_status)
    outcome = COURSES[kind].outcome
    return AttemptResult(
        outcome=outcome,
        http_status=http_status,
        error=_error(error, http_status, kind),
        # An unknown send is not tried again, but those of the account that have not left yet need not become unknown too.
        retry_after=None if outcome is Outcome.FAILED else find_retry_after(headers),
    )


def kind_of(code: Any, http_status: int = 400) -> FailureKind:
    """The class of an error code, of an answer or of a `failed` status; unknown codes go by the HTTP status."""
    rule = find_rule({"code": code})
    return _kind_of_status(http_status) if rule is None else rule.kind


def kind_of_error(error: JsonObject | None) -> FailureKind | None:
    """The class of a `failed` status's error, if its code is known."""
    rule = find_rule(error)
    return None if rule is None else rule.kind


def _kind_of_error(error: JsonObject | None, http_status: int) -> FailureKind:
    """What says of itself that it passes was not judged, unless its code is a known one; a limit was."""
    rule = find_rule(error)
    if rule is not None:
        return rule.kind
    kind = _kind_of_status(http_status)
    is_vague = kind is FailureKind.REQUEST or kind in HELD
    if is_vague and error is not None and error.get("is_transient") is True:
        return FailureKind.TRANSIENT
    return kind


def _lacks_object(error: JsonObject) -> bool:
    """Newer versions of the Graph API leave the subcode out; then the type tells it from a parameter that is wrong."""
    subcode = error.get("error_subcode")
    return str(subcode) == str(_NO_SUCH_OBJECT) if subcode is not None else error.get("type") == "GraphMethodException"


def _find_code(code: Any) -> int | None:
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _find_details(error: JsonObject) -> str | None:
    return find_text(error, "details") or find_text(find_object(error, "error_data"), "details")


def _kind_of_status(http_status: int) -> FailureKind:
    """Only a 4xx refuses. 303 says "done, look there"; a gateway's 444, 460 and 499 tell of a connection that ended."""
    match http_status:
        case 401 | 403:
            return FailureKind.AUTH
        case 402:
            return FailureKind.BILLING
        case 425 | 429:
            return FailureKind.THROTTLE
        case 408 | 444 | 460 | 499:
            return FailureKind.TRANSIENT
    return FailureKind.REQUEST if 400 <= http_status < 500 else FailureKind.TRANSIENT


def _accepted(http_status: int, answer: Any) -> AttemptResult:
    messages = find_list(answer, "messages")
    wamid = find_text(messages[0], "id") if messages else None
    if wamid is None:
        error = {"code": "unreadable_answer", "message": "the API accepted the request but named no message"}
        return AttemptResult(
            outcome=Outcome.UNKNOWN, http_status=http_status, error=error | {"kind": FailureKind.TRANSPORT.value}
        )
    return AttemptResult(outcome=Outcome.SENT, http_status=http_status, external_id=wamid)


def _error(error: JsonObject | None, http_status: int, kind: FailureKind) -> JsonObject:
    """`{code, title, message, details, kind}` without what is absent; `title` is the message without its `(#code)`."""
    message = find_text(error, "message") or f"HTTP {http_status} without an explanation"
    code = error.get("code") if error is not None else None
    words = {
        "code": code if isinstance(code, int | str) else http_status,
        "title": find_text(error, "error_user_title") or message.removeprefix(f"(#{code})").strip(),
        "message": message,
        "details": find_text(find_object(error, "error_data"), "details") or find_text(error, "error_user_msg"),
        "kind": kind.value,
    }
    return {key: value for key, value in words.items() if value is not None}


def _find_answer(body: bytes) -> Any:
    try:
        return parse(body)
    except Unreadable:
        return None
