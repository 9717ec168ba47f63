"""docs/reference/genesys.md shows what each side gets of the other's messages, as the code that passes them on makes it.

`python -m tests.test_genesys_mappings` writes its tables.
"""

from pathlib import Path
from typing import Any, get_args

from tests.genesys_sides import AT, ID, NUMBER, genesys_body, outbound, read, whatsapp_bodies
from tests.pages import with_tables
from tests.test_agents_view import CUSTOMERS
from tests.test_error_documentation import codes_of
from waystate.channels.genesys.content import READABLE
from waystate.channels.genesys.render import render_attachment
from waystate.channels.model import Ignored, Unusable
from waystate.channels.told import _OURS, told_of
from waystate.channels.whatsapp.content import MEDIA_TYPES, TYPES, find_media
from waystate.channels.whatsapp.errors import NO_DIRECT_SEND, TABLE
from waystate.channels.whatsapp.lines import line_of
from waystate.deliveries.plan import receipt_status
from waystate.documents import JsonObject, dump
from waystate.events.model import MessageStatus
from waystate.messages.model import AgentTyping, GenesysReceipt, OutboundMessage
from waystate.messages.status import Status
from waystate.simulator.genesys_bodies import ReasonCode
from waystate.simulator.genesys_contents import EXAMPLES

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "genesys.md"
_LONGEST = 160
_EVENTS = {
    "typing": {"eventType": "Typing", "typing": {"type": "On", "duration": 5000}},
    "an event of another kind": {"eventType": "Presence", "presence": {"type": "Disconnect"}},
}


def attachment(kind: str) -> JsonObject:
    said = {"mediaType": kind, "filename": "a.pdf", "mime": "application/pdf", "url": "https://api-downloads.example/1"}
    return {"contentType": "Attachment", "attachment": said}


BESIDES: dict[str, JsonObject] = {
    "text": outbound(text="Good morning"),
    **{
        f"attachment of type `{kind}`": outbound(content=[attachment(kind)])
        for kind in ("Image", "Video", "Audio", "File", "Link")
    },
    "text with an attachment": outbound(text="Here it is", content=[attachment("Image")]),
    "text with two attachments": outbound(text="Here they are", content=[attachment("File"), attachment("File")]),
    **{what: outbound(type="Event", events=[event]) for what, event in _EVENTS.items()},
    "a receipt of a failure": outbound(type="Receipt", status="Failed", reasons=[{"code": "GeneralError"}]),
    "a receipt of another status": outbound(type="Receipt", status="Delivered"),
    "a customer's own message": outbound(text="Hi", direction="Inbound"),
    "a message without anything in it": outbound(),
    "a form": outbound(type="Structured", content=[{"contentType": "Form", "form": {}}]),
}
"""What Genesys sends beside structured messages, of which the simulator has an example each."""


def to_genesys_table() -> list[str]:
    lines = ["| WhatsApp | at Genesys | as |", "|---|---|---|"]
    for kind, contents in CUSTOMERS.items():
        for content in contents:
            body = genesys_body(kind, content, text=line_of(kind, content), media=find_media(kind, content))
            named = f"`{kind}`" + (f", `{content['type']}`" if kind == "interactive" else "")
            lines.append(f"| {named} | {', '.join(_forms(body))} | {_cell(body.get('text') or _rest(body))} |")
    return lines


def files_table() -> list[str]:
    lines = ["| WhatsApp | at Genesys |", "|---|---|"]
    for kind in sorted(MEDIA_TYPES):
        made = render_attachment(file_id="1", kind=kind, url="https://…/files/…", mime_type="…", filename="…", sha256="…")
        lines.append(f"| `{kind}` | `{dump(made)}` |")
    return lines


def receipts_table() -> list[str]:
    lines = ["| WhatsApp's status | receipt |", "|---|---|"]
    for status, previous in (
        (Status.SENT, Status.QUEUED),
        (Status.DELIVERED, Status.SENT),
        (Status.READ, Status.DELIVERED),
        (Status.READ, Status.SENT),
        (Status.FAILED, Status.SENT),
    ):
        after = f", without `{Status.DELIVERED}` before" if (status, previous) == (Status.READ, Status.SENT) else ""
        told = receipt_status(_status(status, previous))
        lines.append(f"| `{status}`{after} | {f'`{told}`' if told else 'none'} |")
    return lines


def to_whatsapp_table() -> list[str]:
    lines = ["| Genesys | on WhatsApp | as | when |", "|---|---|---|---|"]
    examples = {name: outbound(type="Structured", text=each.text, content=each.content) for name, each in EXAMPLES.items()}
    for what, document in (BESIDES | {f"`{name}`": each for name, each in examples.items()}).items():
        lines.append(f"| {what} | {' | '.join(_on_whatsapp(document))} |")
    return lines


def errors_table() -> list[str]:
    lines = ["| error | Genesys' reason | the agent reads |", "|---|---|---|"]
    lines += [f"| {codes_of(rule)} | `{rule.reason}` | {rule.says} |" for rule in (*TABLE, NO_DIRECT_SEND)]
    for reason, codes in _OURS.items():
        lines.append(f"| {', '.join(f'`{code}`' for code in codes)} | `{reason}` | the error's own sentence |")
    unknown = told_of({"code": 999_999, "title": "WhatsApp's title"})
    return [*lines, f"| any other | `{unknown.reason}` | {unknown.text} |"]


def _on_whatsapp(document: JsonObject) -> tuple[str, str, str]:
    """The message's type at WhatsApp, what is in it, and whether the window must be open for it."""
    match read(document):
        case OutboundMessage(unshowable=str(why)):
            return "nothing; a Failed receipt", why, ""
        case OutboundMessage() as message:
            bodies = whatsapp_bodies(message)
            anytime = all(body["type"] == "template" for body in bodies)
            types = ", then ".join(f"`{body['type']}`" for body in bodies)
            shown = "<br>".join(_cell(_content(body)) for body in bodies)
            return types, shown, "any time" if anytime else "in the window"
        case GenesysReceipt():
            return "nothing", "the customer's message is marked as failed, with Genesys' reason", ""
        case AgentTyping():
            return "typing", "the customer sees that somebody types, and what they wrote as read", "in the window"
        case Ignored(why=why):
            return "nothing", why, ""
        case Unusable(why=why):
            return "nothing; a dead letter", why, ""
        case value:
            return f"`{type(value).__name__}`", (type(value).__doc__ or "").partition("\n")[0], ""


def _content(body: JsonObject) -> str:
    content: Any = body[body["type"]]
    return str(content["body"]) if body["type"] == "text" else dump(content)


def _forms(body: JsonObject) -> list[str]:
    """Which of Genesys' doors the body is for: what beside the channel it has says so."""
    names = {"text": "text", "content": "content", "buttonResponse": "structured response", "events": "event"}
    return [word for field, word in names.items() if field in body]


def _rest(body: JsonObject) -> str:
    return dump({name: value for name, value in body.items() if name != "channel"})


def _cell(text: str) -> str:
    lines = text.replace("|", "\\|").split("\n")
    return "<br>".join(f"`{line if len(line) <= _LONGEST else line[:_LONGEST] + '…'}`" for line in lines)


def _status(status: Status, previous: Status) -> MessageStatus:
    return MessageStatus(
        contact_id=ID,
        phone_number_id=NUMBER,
        at=AT,
        message_id=ID,
        mapping_id=ID,
        direction="outbound",
        status=status,
        previous=previous,
        timestamp=AT,
        genesys_message_id="c327",
    )


TABLES = {
    "to genesys": to_genesys_table,
    "files": files_table,
    "receipts": receipts_table,
    "to whatsapp": to_whatsapp_table,
    "errors": errors_table,
}


def test_the_page_shows_what_either_side_gets() -> None:
    assert PAGE.read_text() == with_tables(PAGE.read_text(), TABLES)


def test_every_type_of_whatsapp_and_every_content_of_genesys_has_a_row() -> None:
    assert {*TYPES, "unsupported"} == CUSTOMERS.keys()
    shown = {field for each in EXAMPLES.values() for item in each.content for field in item if field != "contentType"}
    assert READABLE - shown <= {"attachment", "location", "text"}, "give it an example in the simulator"


def test_every_reason_is_one_that_genesys_knows() -> None:
    reasons = {line.split("|")[2].strip(" `") for line in errors_table()[2:]}
    assert len(reasons) > 8
    assert reasons <= {*get_args(ReasonCode)}


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(), TABLES))
