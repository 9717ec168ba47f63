"""What must hold at the end of a case, each kind of check against the platforms' records, the trace or the tables."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.acceptance.cases.files import CHECKS, COMPARISONS, Check, Document, UnknownCase
from tests.acceptance.cases.run import Run
from tests.acceptance.installation import TENANT

IDENTITIES = """
SELECT external_id FROM contact_identities
WHERE tenant_id = $1 AND contact_id = $2::uuid AND kind = 'bsuid' AND valid_to IS NULL
"""
OPEN_CONVERSATIONS = """
SELECT c.id FROM conversations c
WHERE c.status IN ('active', 'waiting', 'error') AND c.expires_at > now() AND (c.wa_id = $1 OR EXISTS (
    SELECT FROM contact_identities i
    WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.contact_id AND i.external_id = $1 AND i.valid_to IS NULL))
"""


class Wrong(AssertionError):
    """A check that does not hold, with what was found instead."""


async def check_all(run: Run, checks: Iterable[Check]) -> None:
    """Raises `Wrong` with everything that does not hold, `UnknownCase` for a check that names no message of the case."""
    found = [str(wrong) for each in checks if (wrong := await _find_wrong(run, each)) is not None]
    if found:
        raise Wrong("\n".join(found))


async def _find_wrong(run: Run, check: Check) -> Wrong | None:
    of = await run.resolve(list(check.of))
    wants = await run.resolve(check.wants)
    if check.kind != "no_conversation" and (strange := [name for name in of if not _is_named(run, name, check)]):
        raise UnknownCase(f"the check '{check.kind}' is of {', '.join(strange)}, which no step gave")
    try:
        if check.kind in COMPARISONS:
            await _compare(run, check.kind, of)
        else:
            for name in of:
                await _SINGLE[check.kind](run, name, wants)
    except Wrong as wrong:
        return wrong
    return None


def _is_named(run: Run, name: str, check: Check) -> bool:
    return name in run.ids or name not in check.of


async def _compare(run: Run, kind: str, of: list[str]) -> None:
    """A message that has no conversation, and so no contact, is like no other."""
    relation, what = kind.split("_")
    traces = [await run.find_trace(name) for name in of]
    found = [_place_of(trace, what) for trace in traces]
    known = [each for each in found if each is not None]
    right = len({*known}) == len(known) if relation == "different" else len(known) == len(found) and len({*known}) == 1
    _hold(right, f"{', '.join(of)}: {kind}", dict(zip(of, found, strict=True)))


def _place_of(trace: Any, what: str) -> str | None:
    if trace is None:
        return None
    return str(trace["contact"]["id"] if what == "contact" else trace["conversation"]["internalId"])


async def _sent(run: Run, of: str, wants: Document) -> None:
    """In one part or several, none of them twice, and nowhere else."""
    message_id = await _message_id(run, of)
    bodies = [call.body for call in run.far.sends(message_id) if call.is_accepted] if message_id else []
    addresses = [_address(body) for body in bodies]
    is_once = all(body not in bodies[:place] for place, body in enumerate(bodies))
    _hold(is_once and {*addresses} == {_plain(wants["to"])}, f"{of}: sent once to {wants['to']}", addresses)


async def _not_sent(run: Run, of: str, wants: Document) -> None:
    """Not even asked for; a send that names no message may have been this one's."""
    message_id = await _message_id(run, of)
    sends = run.far.sends(None) + (run.far.sends(message_id) if message_id else [])
    addresses = [_address(call.body) for call in sends]
    _hold(_plain(wants["to"]) not in addresses, f"{of}: not sent to {wants['to']}", addresses)


async def _refused(run: Run, of: str, wants: Document) -> None:
    trace = await run.find_trace(of)
    found = trace and (trace["status"], str((trace["error"] or {}).get("code")))
    _hold(found == ("failed", str(wants["code"])), f"{of}: kept as failed with {wants['code']}", found)


async def _receipt(run: Run, of: str, wants: Document) -> None:
    found = [call.body["status"] for call in run.far.receipts(of) if call.is_accepted]
    _hold(wants["status"] in found, f"{of}: receipt {wants['status']}", found)


async def _no_receipt(run: Run, of: str, wants: Document) -> None:
    found = [call.body["status"] for call in run.far.receipts(of)]
    _hold(wants["status"] not in found, f"{of}: no receipt {wants['status']}", found)


async def _status(run: Run, of: str, wants: Document) -> None:
    trace = await run.find_trace(of)
    found = trace and trace["status"]
    _hold(found == wants["is"], f"{of}: status {wants['is']}", found)


async def _window(run: Run, of: str, wants: Document) -> None:
    if wants["is"] not in ("open", "closed"):
        raise UnknownCase(f"a window is open or closed, not '{wants['is']}'")
    trace = await run.find_trace(of)
    found = trace and ("open" if trace["conversation"]["customerWindow"]["open"] else "closed")
    _hold(found == wants["is"], f"{of}: window {wants['is']}", found)


async def _line(run: Run, of: str, wants: Document) -> None:
    parts = [wants["contains"]] if isinstance(wants["contains"], str) else wants["contains"]
    texts = [call.body.get("text") or "" for call in run.far.told(of) if call.is_accepted]
    right = bool(parts) and any(all(part in text for part in parts) for text in texts)
    _hold(right, f"{of}: Genesys gets a text with {parts}", texts)


async def _identity(run: Run, of: str, wants: Document) -> None:
    trace = await run.find_trace(of)
    rows = await run.place.rows(IDENTITIES, TENANT, trace["contact"]["id"]) if trace else []
    found = [row["external_id"] for row in rows]
    _hold(wants["bsuid"] in found, f"{of}: its contact is known by {wants['bsuid']}", found)


async def _no_conversation(run: Run, of: str, _: Document) -> None:
    if of.startswith("wamid.") or await run.find_trace(of) is not None:
        raise UnknownCase(f"the check 'no_conversation' is of a WhatsApp id, and {of} is a message")
    found = [str(row["id"]) for row in await run.place.rows(OPEN_CONVERSATIONS, _plain(of))]
    _hold(not found, f"{of}: no open conversation", found)


async def _message_id(run: Run, of: str) -> str | None:
    trace = await run.find_trace(of)
    return trace and trace["messageId"]


def _address(body: Any) -> str:
    return _plain(body.get("to") or body.get("recipient") or "")


def _plain(address: str) -> str:
    """A phone is the same with and without the plus sign."""
    return address.removeprefix("+")


def _hold(right: bool, wanted: str, found: Any) -> None:
    if not right:
        raise Wrong(f"{wanted}; found {found!r}")


_SINGLE: dict[str, Callable[[Run, str, Document], Awaitable[None]]] = {
    "sent": _sent,
    "not_sent": _not_sent,
    "refused": _refused,
    "receipt": _receipt,
    "no_receipt": _no_receipt,
    "status": _status,
    "window": _window,
    "line": _line,
    "identity": _identity,
    "no_conversation": _no_conversation,
}
assert {*_SINGLE, *COMPARISONS} == {*CHECKS}
