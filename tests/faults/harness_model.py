"""Customers, conversations and messages of one example as plain dicts, and what the docs say becomes of them. Pure.

A deed is asked first what may refuse it (`codes`; empty: it is done), then, once the server did it, done here too. Ids are the
server's; everything else is predicted from docs/how-to/customers.md, docs/how-to/conversations.md and
docs/explanation/who-may-speak.md.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
TEXTS = ("email", "language", "username", "phone_number")
DOCUMENTS = ("preferences", "metadata")
OPEN = ("active", "waiting")
LOST = "controller_changed"


def canonical(phone: str) -> str:
    """A Brazilian mobile's digits with the ninth one."""
    digits = "".join(each for each in phone if each.isdigit())
    return digits if len(digits) == 13 else f"{digits[:4]}9{digits[4:]}"


def patched(before: Row, change: Row) -> Row:
    """JSON Merge Patch of flat objects."""
    return {key: value for key, value in (before | change).items() if value is not None}


@dataclass
class Model:
    """`people` are name → id; `key` is the service's. `queues` are id → names of its members."""

    people: dict[str, str]
    key: str
    queues: dict[str, set[str]]
    called: str
    """What customers are called at WhatsApp."""
    customers: dict[str, Row] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)
    """Merged customers, and who they turned out to be."""
    talks: dict[str, Row] = field(default_factory=dict)
    messages: dict[str, Row] = field(default_factory=dict)
    merges: list[Row] = field(default_factory=list)

    def survivor(self, customer: str) -> str:
        while customer in self.into:
            customer = self.into[customer]
        return customer

    def owner(self, phone: str) -> Row | None:
        return next((each for each in self.customers.values() if canonical(phone) in each["phones"]), None)

    def talks_of(self, customer: str) -> list[Row]:
        return [each for each in self.talks.values() if each["customer"] == customer]

    def open_of(self, customer: str) -> Row | None:
        return next((each for each in self.talks_of(customer) if each["status"] in OPEN), None)

    def said_in(self, talks: Iterable[Row]) -> list[Row]:
        """Newest first."""
        ids = {each["id"] for each in talks}
        found = [each for each in self.messages.values() if each["talk"] in ids]
        return sorted(found, key=lambda each: (each["at"], each["id"]), reverse=True)

    def has_window(self, customer: str) -> bool:
        return any(each["direction"] == "inbound" for each in self.said_in(self.talks_of(customer)))

    # Customers

    def new_customer(self, id_: str, phone: str, fields: Row) -> Row:
        row: Row = {"id": id_, "phones": [canonical(phone)], "name": None, "by_hand": False, "tags": set()}
        row |= {"is_listed": False, "spelled": {phone}, "edits": 0}
        row |= dict.fromkeys(TEXTS) | {each: {} for each in DOCUMENTS}
        row["phone_number"] = "+" + canonical(phone)
        self.customers[id_] = row
        self.edit(row, fields)
        return row

    def edit(self, row: Row, fields: Row) -> None:
        """Who was edited is in lists at once, who only wrote a second later."""
        before = copy.deepcopy(row)
        self._edit(row, fields)
        self.is_edited(row, before)

    def is_edited(self, row: Row, before: Row) -> None:
        row["edits"] += row != before
        row["is_listed"] = row["is_listed"] or row != before

    def _edit(self, row: Row, fields: Row) -> None:
        for name, value in fields.items():
            if name == "name":
                row |= {"name": value, "by_hand": value is not None}
            elif name == "tags":
                row["tags"] = set(value or ())
            elif name in DOCUMENTS:
                row[name] = {} if value is None else patched(row[name], value)
            else:
                row[name] = value

    # Messages

    def write(self, phone: str, message: Row, customer: str) -> Row:
        """A customer's message; whose it is, the server says where nobody had this phone."""
        row = self.owner(phone) or self.new_customer(customer, phone, {})
        if phone not in row["spelled"]:
            # A spelling that was not known is learned, and shown where no phone is.
            row["spelled"].add(phone)
            row["phone_number"] = row["phone_number"] or "+" + canonical(phone)
        if not row["by_hand"]:
            row["name"] = self.called
        talk = self.open_of(row["id"]) or self.new_talk(message["talk"], row["id"])
        message = {**message, "talk": talk["id"], "phone": canonical(phone)}
        self.keep({**message, "direction": "inbound", "status": "received", "code": None, "sender": None})
        talk["phone"] = canonical(phone)
        talk["written"] = message["at"]
        return talk

    def new_talk(self, id_: str, customer: str) -> Row:
        row: Row = {"id": id_, "customer": customer, "status": "active", "reason": None, "closed_by": None}
        row |= {"controller": "none", "holder": None, "epoch": 0, "assignee": None, "queue": None}
        row |= {"subject": None, "tags": set(), "metadata": {}, "notes": [], "parts": {}, "reads": {}}
        row |= {"phone": None, "written": None}
        self.talks[id_] = row
        return row

    def keep(self, message: Row) -> None:
        self.messages[message["id"]] = {**message, "order": len(self.messages)}

    def say_codes(self, customer: str, who: str, *, take: bool) -> set[str]:
        codes = set() if self.has_window(customer) else {"window_closed"}
        talk = self.open_of(customer)
        return codes | (self.word_codes(talk, who, take=take) if talk else set())

    def say(self, customer: str, who: str, message: Row, *, phone: str | None = None) -> Row:
        """It takes the word where somebody else, or nobody, had it."""
        talk = self.open_of(customer) or self.new_talk(message["talk"], customer)
        if talk["holder"] != self.holder(who):
            self.hand(talk, who, queue=talk["queue"])
        self.send(talk, message, self.holder(who), phone)
        return talk

    def send(self, talk: Row, message: Row, sender: str | None, phone: str | None = None) -> None:
        to = phone or talk["phone"] or self.customers[talk["customer"]]["phones"][-1]
        self.keep(
            {**message, "talk": talk["id"], "direction": "outbound", "status": "queued", "code": None}
            | {"sender": sender, "phone": canonical(to)}
        )

    def withdraw_codes(self, message: Row) -> set[str]:
        return set() if message["status"] == "queued" else {"not_queued"}

    # Who has a conversation

    def holder(self, who: str) -> str:
        return f"key:{self.key}" if who == "key" else f"person:{self.people[who]}"

    def word_codes(self, talk: Row, who: str, *, take: bool) -> set[str]:
        """The table of speakers."""
        if talk["controller"] == "none" or talk["holder"] == self.holder(who):
            return set()
        may = who != "key" and take and (talk["controller"] == "external" or who == "eve")
        return set() if may else {"not_in_control"}

    def give_codes(self, talk: Row, who: str) -> set[str]:
        if talk["status"] not in OPEN:
            return {"conversation_ended"}
        return set() if who == "eve" or talk["holder"] in (None, self.holder(who)) else {"not_in_control"}

    def take_codes(self, talk: Row, who: str) -> set[str]:
        codes = set() if talk["status"] in OPEN else {"conversation_ended"}
        if who == "key":
            return codes | {"people_only"}
        if codes or talk["holder"] == self.holder(who) or who == "eve":
            return codes
        if talk["controller"] == "none":
            return set() if talk["queue"] is None or who in self.queues[talk["queue"]] else {"not_your_queue"}
        return set() if talk["controller"] == "external" else {"not_in_control"}

    def assign_codes(self, talk: Row, who: str, user: str | None) -> set[str]:
        if who != "eve":
            return {"scope_missing" if who == "key" else "role_insufficient"}
        if talk["status"] not in OPEN:
            return {"conversation_ended"}
        return set() if user is None or user in self.people.values() else {"assignee_unknown"}

    def hand(self, talk: Row, who: str | None, *, queue: str | None, genesys: bool = False) -> None:
        """To a person or the key (`who`), Genesys, or nobody. What the former one said and is not sent yet is lost."""
        controller = "external" if genesys or who == "key" else "none" if who is None else "agent"
        holder = "genesys" if genesys else None if who is None else self.holder(who)
        assignee = self.people[who] if who in self.people and who is not None else None
        now = (controller, holder, queue)
        if now == (talk["controller"], talk["holder"], talk["queue"]):
            return
        former = talk["holder"]
        talk |= {"controller": controller, "holder": holder, "assignee": assignee, "queue": queue, "epoch": talk["epoch"] + 1}
        talk["status"] = "waiting" if who is None and queue and not genesys else "active"
        if former is None or former == holder:
            return
        for each in self.messages.values():
            if (each["talk"], each["sender"], each["status"]) == (talk["id"], former, "queued"):
                each |= {"status": "failed", "code": LOST}

    def release(self, talk: Row) -> None:
        if talk["holder"] is not None:
            self.hand(talk, None, queue=talk["queue"])

    def reopen_codes(self, talk: Row) -> set[str]:
        if talk["status"] in OPEN:
            return {"conversation_open"}
        if talk["reason"] == "merged":
            return {"not_reopenable"}
        return {"newer_open"} if self.open_of(talk["customer"]) else set()

    def reopen(self, talk: Row) -> None:
        """What was said before it was closed goes out all the same."""
        talk |= {"status": "waiting" if talk["queue"] else "active", "reason": None, "closed_by": None}
        talk |= {"controller": "none", "holder": None, "assignee": None, "epoch": talk["epoch"] + 1}

    def edit_talk_codes(self, talk: Row, fields: Row) -> set[str]:
        return {"conversation_ended"} if fields.get("status") and talk["status"] not in OPEN else set()

    def edit_talk(self, talk: Row, fields: Row) -> None:
        for name, value in fields.items():
            if name == "metadata":
                talk["metadata"] = {} if value is None else patched(talk["metadata"], value)
            elif name == "tags":
                talk["tags"] = set(value or ())
            else:
                talk[name] = value

    def read(self, talk: Row, who: str, message: Row) -> None:
        """It and all that stands before it in the history."""
        place = (message["at"], message["id"])
        before = [each["order"] for each in self.said_in([talk]) if (each["at"], each["id"]) <= place]
        talk["reads"][who] = max(talk["reads"].get(who, -1), *before)

    def unread(self, talk: Row, who: str) -> int:
        read = talk["reads"].get(who, -1)
        return sum(
            each["talk"] == talk["id"] and each["direction"] == "inbound" and each["order"] > read
            for each in self.messages.values()
        )

    # Two records of one person

    def merge(self, kept: str, gone: str, merge_id: str, pick: Callable[[str, str], str]) -> Row:
        """`pick`: of two open conversations whose customers wrote in the same second, the one that the server closed."""
        into, row = self.customers[kept], self.customers.pop(gone)
        own = {each["id"] for each in self.talks_of(gone)}
        record: Row = {"id": merge_id, "into": kept, "gone": gone, "was": copy.deepcopy(into), "contact": copy.deepcopy(row)}
        record |= {"own": own, "others": {each["id"] for each in self.talks_of(kept)}, "closed": {}}
        record["parts"] = {key: dict(each["parts"]) for key, each in self.talks.items()}
        both = [each for each in (self.open_of(gone), self.open_of(kept)) if each]
        if len(both) == 2:
            first, second = sorted(both, key=lambda each: each["written"] or 0)
            ends = first if first["written"] != second["written"] else self.talks[pick(first["id"], second["id"])]
            record["closed"][ends["id"]] = ends["status"]
            ends |= {"status": "closed", "reason": "merged"}
        for each in own:
            self.talks[each]["customer"] = kept
        if row["by_hand"] and not into["by_hand"]:
            into |= {"name": row["name"], "by_hand": True}
        elif into["name"] is None:
            into["name"] = row["name"]
        for name in TEXTS:
            into[name] = row[name] if into[name] is None else into[name]
        for name in DOCUMENTS:
            into[name] = row[name] | into[name]
        into["tags"] |= row["tags"]
        into["phones"] = [*row["phones"], *into["phones"]]
        into["spelled"] |= row["spelled"]
        into["is_listed"] = True
        self.into[gone] = kept
        self.merges.append(record)
        return record

    def undo_plan(self, record: Row) -> tuple[dict[str, str], list[str], set[str]]:
        """Conversation → whose it is after it; which are open again; and what may refuse it."""
        kept, gone = record["into"], record["gone"]
        homes: dict[str, str] = {}
        for talk in self.talks_of(kept):
            writers = {self.side(record, each) for each in self.messages.values() if each["talk"] == talk["id"]} - {None}
            is_since = talk["id"] not in record["own"] | record["others"]
            homes[talk["id"]] = gone if talk["id"] in record["own"] or (is_since and writers == {gone}) else kept
        again = [each for each in record["closed"] if self.talks[each]["reason"] == "merged"]
        is_open = [homes[each] for each in homes if each in again or self.talks[each]["status"] in OPEN]
        return homes, again, {"conversations_collide"} if len(set(is_open)) < len(is_open) else set()

    def side(self, record: Row, message: Row) -> str:
        """Whose a message is by the phone that it came from, or went to."""
        return str(record["gone"] if message["phone"] in record["contact"]["phones"] else record["into"])

    def undo(self, record: Row, open_talk: Callable[[str], str]) -> int:
        """`open_talk`: the id of the conversation that a customer has open now, where one was begun. Returns how many moved."""
        kept, gone = record["into"], record["gone"]
        homes, again, _ = self.undo_plan(record)
        before, given, into = record["was"], record["contact"], self.customers[kept]
        del self.into[gone]
        self.customers[gone] = copy.deepcopy(given)
        for each in again:
            self.talks[each] |= {"status": record["closed"][each], "reason": None}
        for each, customer in homes.items():
            self.talks[each]["customer"] = customer
        for name in TEXTS:
            if before[name] is None and into[name] == given[name]:
                into[name] = None
        if into["name"] == given["name"] != before["name"]:
            into |= {"name": before["name"], "by_hand": before["by_hand"]}
        into["tags"] -= given["tags"] - before["tags"]
        for name in DOCUMENTS:
            only = {key: value for key, value in given[name].items() if key not in before[name]}
            into[name] = {key: value for key, value in into[name].items() if only.get(key, ...) != value}
        into["is_listed"] = self.customers[gone]["is_listed"] = True
        self.customers[gone]["spelled"] = {each for each in into["spelled"] if canonical(each) in given["phones"]}
        into["spelled"] -= self.customers[gone]["spelled"]
        into["phones"] = [each for each in into["phones"] if each not in given["phones"]]
        moving = [
            each for each in self.messages.values() if each["talk"] in homes and self.side(record, each) != homes[each["talk"]]
        ]
        for each in moving:
            whose = self.side(record, each)
            home = self.open_of(whose) or self.new_talk(open_talk(whose), whose)
            each["talk"] = home["id"]
            if each["direction"] == "inbound":
                home |= {"written": max(home["written"] or 0, each["at"]), "phone": each["phone"]}
        self.merges.remove(record)
        return len(moving)
