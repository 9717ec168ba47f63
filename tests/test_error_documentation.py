"""docs/reference/errors.md is what the table of errors says; `python -m tests.test_error_documentation` writes it."""

from itertools import groupby
from pathlib import Path

from waystate.channels.attempts import FailureKind
from waystate.channels.whatsapp.errors import COURSES, NO_DIRECT_SEND, TABLE, Limit, Reach, Rule

ERRORS = Path(__file__).parent.parent / "docs" / "reference" / "errors.md"

_START = """\
# WhatsApp's errors

What Waystate makes of each error code, whether it comes as the answer to a send or later, as a `failed` status. It is made from
the table that the program goes by. Codes decide, whatever the HTTP status; of a code that is not here the HTTP status does
([decision 0022](../decisions/0022-unknown-unless-proven.md)).

## What the message, its customer's queue and the number do

Of an answer. A `failed` status fails its message whatever the class, since WhatsApp has had it, and the queue goes on. Of the
classes `auth`, `account` and `billing` it holds the number too, until a status shows that another message went out.

| class | the message | the customer's queue | the number's other messages |
|---|---|---|---|
"""
_LIMITS = """
`throttle` reaches as far as its limit: the pair of number and customer, the number, all of the tenant's numbers of its business
account, or all with the same app. Each time in a row that the limit is met, whoever it reaches rests four times
as long, and then one message at a time finds out. A `Retry-After` that asks for longer is kept. What has waited for a day and
was tried ten times fails.

| codes | reaches | rests |
|---|---|---|
"""
_CODES = """
## What the agent reads

In the Failed receipt, with Genesys' code for the reason. WhatsApp's own code stands behind it in brackets; of `template` and
`request` its details too.

| codes | class | Genesys' reason | the agent reads |
|---|---|---|---|
"""
_SAYS = """
## What `error` says

Of a message that is `failed`: in `error` of `GET /v1/messages/{id}`, in its trace and in events. `code` is a number of
WhatsApp's, as in the table above, or a word of ours. `kind` is the class.

| who says it | `error` |
|---|---|
| WhatsApp, in its answer | `{"code": 131049, "kind": "recipient", "title": "…", "details": "…", "message": "…"}` |
| WhatsApp, by a status | `{"code": 131026, "title": "…", "message": "…", "error_data": {"details": "…"}, "href": "…"}` |
| Waystate | `{"code": "outcome_unknown", "title": "…"}` |

| word | why |
|---|---|
| `outcome_unknown` | the answer to the send was lost and no status came: it may have arrived |
| `withdrawn` | somebody withdrew it while it waited |
| `controller_changed` | somebody else took [the word](../explanation/who-may-speak.md) before it was sent |
| `window_closed`, `hold_expired` | the 24 hours were over when it was its turn; the customer did not write in time |
| `recipient_moved` | the customer's number is another customer's by now |
| `earlier_part_failed` | it is a part of a message of which an earlier part failed |
| `media_fetch_failed` | the file that an agent attached could not be loaded within a minute, or its address leads nowhere |
| `media_too_large`, `media_unplayable`, `media_empty` | WhatsApp takes no such file ([limits](limits.md#files-to-whatsapp)) |
| `media_type_unsupported` | WhatsApp takes no file of this type, and the sentence names the types that it takes |
| `media_refused` | WhatsApp refused the file when it was uploaded; the title has its words |
| `media_unusable` | the file turned out to be of a type that this message does not show |
| `media_held`, `media_gone` | the scanner held the file back; it is not kept any more |
| `media_store_unavailable` | the store of files did not give the file for some minutes |
| `storage_full` | the tenant's quota has no room for the file that an agent attached |
| `account_missing`, `sender_external` | its number was taken away, or somebody else sends for it now |
"""
_REACHES = {
    Reach.PAIR: "this customer's queue",
    Reach.NUMBER: "the number",
    Reach.WABA: "the business account",
    Reach.APP: "the app",
}


def codes_of(rule: Rule) -> str:
    """Neighbours as a range."""
    if rule is NO_DIRECT_SEND:
        return "100 with details that name `category`"
    runs = [[code for _, code in run] for _, run in groupby(enumerate(sorted(rule.codes)), lambda each: each[1] - each[0])]
    words = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(words) + (" (also as `error_subcode` of 100)" if rule.codes == (33,) else "")


def rest_of(limit: Limit) -> str:
    return f"{limit.first:g} s, growing to {limit.longest:g} s"


def documented_errors() -> str:
    courses = [f"| `{kind}` | {each.message} | {each.queue} | {each.number} |" for kind, each in COURSES.items()]
    limits = [
        f"| {codes_of(rule)} | {_REACHES[rule.limit.reach]} | {rest_of(rule.limit)} |"
        for rule in TABLE
        if rule.limit is not None
    ]
    rules = [*TABLE, NO_DIRECT_SEND]
    codes = [f"| {codes_of(rule)} | `{rule.kind}` | `{rule.reason}` | {rule.says} |" for rule in rules]
    tables = [_START + "\n".join(courses), _LIMITS + "\n".join(limits), _CODES + "\n".join(codes)]
    return "\n".join([*tables, _SAYS])


def test_the_errors_page_lists_the_table() -> None:
    assert ERRORS.read_text() == documented_errors()


def test_no_code_stands_twice_in_the_table() -> None:
    codes = [code for rule in TABLE for code in rule.codes]
    assert sorted(set(codes)) == sorted(codes)


def test_every_kind_of_the_table_has_its_course_and_only_limits_have_a_reach() -> None:
    assert {rule.kind for rule in TABLE} == COURSES.keys()
    assert {rule.kind for rule in TABLE if rule.limit is not None} == {FailureKind.THROTTLE}
    assert all(rule.limit is not None for rule in TABLE if rule.kind is FailureKind.THROTTLE)


if __name__ == "__main__":
    ERRORS.write_text(documented_errors())
