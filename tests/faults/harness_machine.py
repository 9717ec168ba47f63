"""What people, a service and customers do, step by step through the Python client, and what the model says of each step."""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.faults.harness_compared import ELSEWHERE, Compared
from tests.faults.harness_model import OPEN, Row

T = TypeVar("T")

WHO = st.sampled_from(["ana", "bob", "eve", "key"])
WHICH = st.integers(0, 11)
SPELLINGS = st.integers(0, 3)
WORDS = st.sampled_from(["one", "two", "three"])
TAGS = st.lists(WORDS, max_size=2, unique=True)
DOCUMENT = st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, "x", 1]), max_size=2)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.none(), WORDS),
        "email": st.sampled_from([None, "a@example.org", "b@example.org"]),
        "language": st.sampled_from([None, "pt_BR", "en"]),
        "phone_number": st.sampled_from([None, ELSEWHERE]),
        "tags": st.one_of(st.none(), TAGS),
        "preferences": DOCUMENT,
        "metadata": st.one_of(st.none(), DOCUMENT),
    },
)
TALK_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "subject": st.one_of(st.none(), WORDS),
        "tags": st.one_of(st.none(), TAGS),
        "metadata": st.one_of(st.none(), DOCUMENT),
        "status": st.sampled_from(["waiting", "active"]),
    },
)


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda machine: all(getattr(machine.model, each) for each in names)


class Customers(Compared):
    """What can be done."""

    @initialize(open_=st.booleans())
    def begin(self, open_: bool) -> None:
        """Two have written, and one of them has been answered: where most of what can go wrong begins."""
        for which in (0, 1):
            self.write(which, is_old=False)
        self.say(0, "customer", take=False, who="ana" if open_ else "key")

    # Customers

    @rule(which=WHICH, spelling=SPELLINGS, fields=CHANGES, updates=st.booleans(), who=WHO)
    def add(self, which: int, spelling: int, fields: Row, updates: bool, who: str) -> None:
        phone, given = self.phone(which), self.own({key: value for key, value in fields.items() if key != "phone_number"})
        given = {key: value for key, value in given.items() if value is not None}
        way = _spelled(phone, spelling)
        known = self.model.owner(phone)
        found = self.get(
            *(who, f"adds {way} with {given}{' or updates them' if updates else ''}"),
            lambda api: api.customers.add(**way, **given, on_existing="update" if updates else None),
        )
        if known is None:
            spelled = str(way.get("wa_id", phone))
            self.model.new_customer(str(found.id), spelled, given)["is_listed"] = True
        elif updates:
            number = {"phone_number": f"+{phone}"} if "phone_number" in way else {}
            self.model.edit(known, given | number)
        self.is_customer(found, known or self.model.customers[str(found.id)])

    @precondition(lambda machine: len(machine.story) % 6 == 0)
    @rule(spelling=st.sampled_from(["123", "+55 11 1", "+999 123456789", "hello"]), who=WHO)
    def add_nobody(self, spelling: str, who: str) -> None:
        self.ask(who, f"adds {spelling!r}", {"phone_unusable"}, lambda api: api.customers.add(phone_number=spelling))

    @precondition(_has("customers"))
    @rule(which=WHICH, fields=CHANGES, who=WHO)
    def edit(self, which: int, fields: Row, who: str) -> None:
        id_, given = self.any_id(which), self.own(fields)
        row = self.model.customers[self.model.survivor(id_)]
        codes = set() if given else {"invalid_request"}
        found = self.ask(who, f"edits customer {id_}: {given}", codes, lambda api: api.customers.edit(id_, **given))
        if found is not None:
            self.model.edit(row, given)
            self.is_customer(found, row)

    @precondition(_has("customers"))
    @rule(which=WHICH, who=WHO)
    def look(self, which: int, who: str) -> None:
        id_ = self.any_id(which)
        row = self.model.customers[self.model.survivor(id_)]
        found = self.get(who, f"reads customer {id_}", lambda api: api.customers.get(id_))
        self.is_customer(found, row)
        self.seen[row["id"]] = (found.etag, _editable(row))

    @precondition(lambda machine: machine.seen)
    @rule(which=WHICH, fields=CHANGES, who=WHO)
    def edit_as_seen(self, which: int, fields: Row, who: str) -> None:
        """Refused exactly where what may be edited is not as it was when it was read."""
        there = [each for each in self.seen if each in self.model.customers]
        if not there:
            return
        id_, given = there[which % len(there)], self.own(fields)
        row, (etag, before) = self.model.customers[id_], self.seen[id_]
        codes = set() if given else {"invalid_request"}
        codes |= set() if _editable(row) == before else {"changed_meanwhile"}
        found = self.ask(
            *(who, f"edits customer {id_} as seen before: {given}", codes),
            lambda api: api.customers.edit(id_, **given, if_match=etag),
        )
        if found is not None:
            self.model.edit(row, given)
            self.is_customer(found, row)
            self.seen[id_] = (found.etag, _editable(row))

    @precondition(_has("customers"))
    @rule(which=WHICH, tag=WORDS, adds=st.booleans(), who=WHO)
    def tag_one(self, which: int, tag: str, adds: bool, who: str) -> None:
        id_, own = self.any_id(which), self.tag(tag)
        row = self.model.customers[self.model.survivor(id_)]
        found = self.get(
            *(who, f"{'tags' if adds else 'untags'} customer {id_}: {own}"),
            lambda api: api.customers.add_tags(id_, tags=[own]) if adds else api.customers.remove_tag(id_, own),
        )
        before = {**row}
        row["tags"] = row["tags"] | {own} if adds else row["tags"] - {own}
        row["edits"] += row != before
        self.is_customer(found, row)

    @precondition(_has("customers"))
    @rule(whom=st.lists(WHICH, min_size=1, max_size=3), add=TAGS, remove=TAGS, who=WHO)
    def tag_many(self, whom: list[int], add: list[str], remove: list[str], who: str) -> None:
        """What is in both is taken away."""
        ids = list(dict.fromkeys(self.any_id(each) for each in whom))
        given, taken = {self.tag(each) for each in add}, {self.tag(each) for each in remove}
        codes = set() if given or taken else {"invalid_request"}
        if given & taken:
            return
        answer = self.ask(
            *(who, f"tags {ids}: +{given} -{taken}", codes),
            lambda api: api.customers.tag(ids=ids, add=sorted(given) or None, remove=sorted(taken) or None),
        )
        if answer is None:
            return
        for id_ in {self.model.survivor(each) for each in ids}:
            row = self.model.customers[id_]
            before = {**row}
            row["tags"] = (row["tags"] | given) - taken
            row["edits"] += row != before
            self.is_customer(self.place.callers[who].customers.get(id_), row)

    @precondition(_has("customers"))
    @rule(tags=st.lists(WORDS, min_size=1, max_size=2, unique=True), who=WHO)
    def find_by_tag(self, tags: list[str], who: str) -> None:
        wanted = {self.tag(each) for each in tags}
        found = self.get(
            *(who, f"looks for {wanted}"), lambda api: list(api.customers.iterate(tag=sorted(wanted), sort="name", page_size=2))
        )
        self.are_listed(f"customers with {wanted}", found, lambda row: wanted <= row["tags"])

    @precondition(_has("customers"))
    @rule(name=WORDS, who=WHO)
    def find_by_name(self, name: str, who: str) -> None:
        word = f"{name}{self.number}x"
        found = self.get(who, f"looks for {word}", lambda api: list(api.customers.iterate(q=word.upper(), sort="created")))
        self.are_listed(f"customers called {word}", found, lambda row: row["name"] == word)

    @precondition(lambda machine: len(machine.story) % 6 == 1)
    @rule(who=WHO, what=st.sampled_from(["get", "edit", "list_messages", "get_context", "merge"]))
    def ask_for_nobody(self, who: str, what: str) -> None:
        id_, more = uuid4(), {"edit": {"name": "x"}, "merge": {"from_": uuid4()}}.get(what, {})
        self.ask(
            *(who, f"asks {what} of a customer who is not there", {"customer_not_found"}),
            lambda api: getattr(api.customers, what)(id_, **more),
        )

    @precondition(_has("customers"))
    @rule(which=WHICH, direction=st.sampled_from([None, "inbound", "outbound"]), who=WHO)
    def history(self, which: int, direction: str | None, who: str) -> None:
        id_ = self.any_id(which)
        row = self.model.customers[self.model.survivor(id_)]
        found = self.get(
            *(who, f"reads the history of {id_}"),
            lambda api: list(api.customers.iterate_messages(id_, direction=direction, page_size=3)),
        )
        rows = self.model.said_in(self.model.talks_of(row["id"]))
        self.are_messages("the history", found, [each for each in rows if direction in (None, each["direction"])])

    @precondition(_has("customers"))
    @rule(which=WHICH, who=WHO)
    def context(self, which: int, who: str) -> None:
        id_ = self.any_id(which)
        row = self.model.customers[self.model.survivor(id_)]
        found = self.get(who, f"asks for the context of {id_}", lambda api: api.customers.get_context(id_))
        self.is_customer(found.customer, row)
        talks = self.model.talks_of(row["id"])
        talk = self.model.open_of(row["id"])
        self.equal("whether there is a conversation", found.conversation is not None, bool(talks))
        if talk is not None:
            self.is_talk(found.conversation, talk)
        elif found.conversation is not None:
            self.is_talk(found.conversation, self.model.talks[str(found.conversation.id)])
        self.are_messages("the context's messages", found.messages, self.model.said_in(talks)[:20])

    # Messages

    @rule(which=WHICH, is_old=st.booleans())
    def write(self, which: int, is_old: bool) -> None:
        phone = self.phone(which)
        sent = phone[:4] + phone[5:] if is_old and self.model.owner(phone) else phone
        known, text = self.model.owner(phone), f"said {len(self.model.messages)}"
        before = known and self.model.open_of(known["id"])
        self.story.append(f"{len(self.story) + 1}. {sent} writes {text!r}")
        at, id_ = self.place.write(sent, f"wamid.{self.number}.{len(self.model.messages)}", text, self.model.called)
        found = self.place.callers["key"].messages.get(id_)
        customer, talk = str(found.customer_id), str(found.conversation_id)
        self.equal("whose it is", customer, known["id"] if known else customer)
        self.equal("whether its customer is new", customer in self.model.customers, known is not None)
        self.equal("where it is", talk, before["id"] if before else talk)
        self.equal("whether its conversation is new", talk in self.model.talks, before is not None)
        message = {"id": id_, "talk": talk, "at": at, "text": text}
        self.is_talk(self.place.callers["key"].conversations.read(talk), self.model.write(sent, message, customer))

    @precondition(_has("customers"))
    @rule(which=WHICH, way=st.sampled_from(["talk", "customer", "to"]), take=st.booleans(), who=WHO)
    def say(self, which: int, way: str, take: bool, who: str) -> None:
        """By a conversation's id, a customer's, or a phone; of one that is over it goes into the open one."""
        text, phone = f"said {len(self.model.messages)}", None
        if way == "talk" and self.model.talks:
            talk = self.talk(which)
            customer, whom = talk["customer"], {"conversation_id": talk["id"]}
        elif way == "to":
            customer = self.customer(which)["id"]
            phone = self.model.customers[customer]["phones"][-1]
            whom = {"to": f"+{phone}"}
        else:
            customer, whom = self.model.survivor(self.any_id(which)), {"customer_id": self.any_id(which)}
        codes = self.model.say_codes(customer, who, take=take)
        _not_between_seconds()
        at = time.time()
        found = self.ask(
            *(who, f"says {text!r} to {whom}{' and takes' if take else ''}", codes),
            lambda api: api.messages.send(**whom, type="text", text={"body": text}, take=take),
        )
        if found is not None:
            self.said(customer, who, found, text, at, phone)

    def said(self, customer: str, who: str, found: Any, text: str, at: float, phone: str | None) -> None:
        before = self.model.open_of(customer)
        talk = str(found.conversation_id)
        self.equal("to whom it goes", str(found.customer_id), customer)
        self.equal("where it is", talk, before["id"] if before else talk)
        self.equal("whether its conversation is new", talk in self.model.talks, before is not None)
        row = self.model.say(customer, who, {"id": str(found.id), "talk": talk, "at": at, "text": text}, phone=phone)
        self.equal("its status", found.status, "queued")
        self.is_talk(self.place.callers[who].conversations.read(talk), row)

    @precondition(_has("customers"))
    @rule(whom=st.lists(WHICH, min_size=1, max_size=2), each=st.booleans(), who=WHO)
    def say_to_many(self, whom: list[int], each: bool, who: str) -> None:
        """Over everybody's head, and it takes nothing over."""
        text = f"said {len(self.model.messages)}"
        customers = list(dict.fromkeys(self.customer(one)["id"] for one in whom))
        refused = [one for one in customers if not self.model.has_window(one)]
        bodies = [{"customerId": one, "type": "text", "text": {"body": text}} for one in customers]
        _not_between_seconds()
        at = time.time()
        answer = self.ask(
            *(who, f"says {text!r} to {customers}, {'each' if each else 'all or nothing'}"),
            {"window_closed"} if refused and not each else set(),
            lambda api: api.messages.send_many(messages=bodies, mode="each" if each else None),
        )
        if answer is None:
            return
        self.equal("who gets it", [one is None for one in answer.messages], [one in refused for one in customers])
        for customer, found in zip(customers, answer.messages, strict=True):
            if found is not None:
                talk = self.model.open_of(customer) or self.model.new_talk(str(found.conversation_id), customer)
                self.equal("where it is", str(found.conversation_id), talk["id"])
                self.model.send(talk, {"id": str(found.id), "at": at, "text": text}, None)
                self.is_talk(self.place.callers[who].conversations.read(talk["id"]), talk)

    @precondition(_has("messages"))
    @rule(which=WHICH, who=WHO)
    def withdraw(self, which: int, who: str) -> None:
        row = list(self.model.messages.values())[-1 - which % min(len(self.model.messages), 6)]
        found = self.ask(
            *(who, f"withdraws {row['text']!r}", self.model.withdraw_codes(row)), lambda api: api.messages.withdraw(row["id"])
        )
        if found is not None:
            row |= {"status": "failed", "code": "withdrawn"}
            self.are_messages("what was withdrawn", [found], [row])

    # Who has a conversation

    def does(self, who: str, what: str, talk: Row, codes: set[str], call: Callable[[Any], T], then: Callable[[], Any]) -> None:
        """A deed on a conversation: predicted, done, done in the model too, and compared."""
        found = self.ask(who, f"{what} conversation {talk['id']}", codes, lambda api: call(api.conversations))
        if found is not None:
            then()
            self.is_talk(found, talk)

    @precondition(_has("talks"))
    @rule(which=WHICH, who=WHO)
    def take(self, which: int, who: str) -> None:
        talk = self.talk(which)
        codes = self.model.take_codes(talk, who)

        def then() -> None:
            if talk["holder"] != self.model.holder(who):
                self.model.hand(talk, who, queue=talk["queue"])

        self.does(who, "takes", talk, codes, lambda api: api.take(talk["id"]), then)

    @precondition(_has("talks"))
    @rule(
        which=WHICH,
        whom=st.sampled_from(["ana", "bob", None, "nobody here"]),
        who=st.sampled_from(["eve", "eve", "ana", "key"]),
    )
    def assign(self, which: int, whom: str | None, who: str) -> None:
        talk = self.talk(which)
        user = str(uuid4()) if whom == "nobody here" else self.model.people[whom] if whom else None

        def then() -> None:
            if whom is None:
                self.model.release(talk)
            elif talk["holder"] != self.model.holder(whom):
                self.model.hand(talk, whom, queue=talk["queue"])

        codes = self.model.assign_codes(talk, who, user)
        self.does(who, f"assigns to {whom}", talk, codes, lambda api: api.assign(talk["id"], user=user), then)

    @precondition(_has("talks"))
    @rule(which=WHICH, who=WHO)
    def release(self, which: int, who: str) -> None:
        talk = self.talk(which)
        codes = self.model.give_codes(talk, who)
        self.does(who, "releases", talk, codes, lambda api: api.release(talk["id"]), lambda: self.model.release(talk))

    @precondition(_has("talks"))
    @rule(which=WHICH, to=st.sampled_from(["ana", "bob", "0", "1", "genesys", "no queue"]), who=WHO)
    def transfer(self, which: int, to: str, who: str) -> None:
        talk = self.talk(which)
        queues = list(self.model.queues)
        codes = self.model.give_codes(talk, who)
        whom: Row = {"genesys": True}
        if to in self.model.people:
            whom = {"user": self.model.people[to]}
        elif to != "genesys":
            whom = {"queue": str(uuid4()) if to == "no queue" else queues[int(to)]}
            codes = codes | {"queue_unknown"} if to == "no queue" else codes

        def then() -> None:
            talk["notes"].insert(0, "Look")
            if to in self.model.people:
                self.model.hand(talk, to, queue=talk["queue"])
            else:
                self.model.hand(talk, None, queue=whom.get("queue"), genesys=to == "genesys")

        self.does(who, f"transfers to {to}", talk, codes, lambda api: api.transfer(talk["id"], to=whom, note="Look"), then)

    @precondition(_has("talks"))
    @rule(which=WHICH, who=WHO)
    def take_what_moved(self, which: int, who: str) -> None:
        """They act on a `controlEpoch` that has passed. Who has it already has it, whatever they saw."""
        talk = self.talk(which)
        if talk["epoch"] == 0 or who == "key" or talk["holder"] == self.model.holder(who):
            return
        codes = self.model.take_codes(talk, who) or {"moved_meanwhile"}
        epoch = talk["epoch"] - 1
        self.does(who, "takes as seen before", talk, codes, lambda api: api.take(talk["id"], control_epoch=epoch), lambda: None)

    @precondition(_has("talks"))
    @rule(which=WHICH, reason=st.sampled_from(["solved", "solved", "spam", "merged"]), who=WHO)
    def close(self, which: int, reason: str, who: str) -> None:
        talk = self.talk(which)
        codes = self.model.give_codes(talk, who) | ({"reason_taken"} if reason == "merged" else set())
        self.does(
            *(who, f"closes ({reason})", talk, codes),
            lambda api: api.close(talk["id"], reason=reason),
            lambda: talk.update(status="closed", reason=reason),
        )

    @precondition(_has("talks"))
    @rule(which=WHICH, who=WHO)
    def reopen(self, which: int, who: str) -> None:
        closed = [each for each in self.model.talks.values() if each["status"] not in OPEN]
        talk = closed[which % len(closed)] if closed and which % 4 else self.talk(which)
        codes = self.model.reopen_codes(talk)
        self.does(who, "reopens", talk, codes, lambda api: api.reopen(talk["id"]), lambda: self.model.reopen(talk))

    # What is written on one

    @precondition(_has("talks"))
    @rule(which=WHICH, fields=TALK_CHANGES, is_late=st.booleans(), who=WHO)
    def edit_talk(self, which: int, fields: Row, is_late: bool, who: str) -> None:
        talk, given = self.talk(which), self.own(fields)
        seen = self.place.callers[who].conversations.read(talk["id"]).etag
        if is_late:
            subject = f"{talk['subject'] or ''}!"[-20:]
            self.does(
                *("eve", f"edits {subject!r} between", talk, set()),
                lambda api: api.edit(talk["id"], subject=subject),
                lambda: self.model.edit_talk(talk, {"subject": subject}),
            )
        codes = {"changed_meanwhile"} if is_late else self.model.edit_talk_codes(talk, given)
        codes |= set() if given else {"invalid_request"}
        self.does(
            *(who, f"edits {given}", talk, codes),
            lambda api: api.edit(talk["id"], **given, if_match=seen),
            lambda: self.model.edit_talk(talk, given),
        )

    @precondition(_has("talks"))
    @rule(which=WHICH, who=WHO)
    def note(self, which: int, who: str) -> None:
        talk = self.talk(which)
        text = f"note {len(talk['notes'])}"
        made = self.get(who, f"notes {text!r} on {talk['id']}", lambda api: api.conversations.add_note(talk["id"], text=text))
        author = (made.author.kind, str(made.author.id), made.author.name)
        is_key = who == "key"
        mine = self.model.key if is_key else self.model.people[who]
        self.equal("its author", author, ("key" if is_key else "user", mine, None if is_key else who))
        talk["notes"].insert(0, text)
        found = [each.text for each in self.place.callers[who].conversations.iterate_notes(talk["id"], page_size=2)]
        self.equal("the notes", found, talk["notes"])

    @precondition(_has("talks"))
    @rule(
        which=WHICH,
        parts=st.dictionaries(st.sampled_from(["ana", "bob", "eve"]), st.sampled_from(["agent", "observer"])),
        who=WHO,
    )
    def put_participants(self, which: int, parts: dict[str, str], who: str) -> None:
        talk = self.talk(which)
        bodies = [{"userId": self.model.people[each], "role": role} for each, role in parts.items()]
        found = self.get(
            *(who, f"adds {parts} to {talk['id']}"),
            lambda api: api.conversations.put_participants(talk["id"], participants=bodies),
        )
        talk["parts"] = {self.model.people[each]: role for each, role in parts.items()}
        self.are_parts(found, talk)

    @precondition(_has("talks"))
    @rule(which=WHICH, whom=st.sampled_from(["ana", "bob", "eve"]), who=WHO)
    def remove_participant(self, which: int, whom: str, who: str) -> None:
        talk, user = self.talk(which), self.model.people[whom]
        codes = set() if user in talk["parts"] else {"participant_not_found"}
        self.ask(
            *(who, f"takes {whom} out of {talk['id']}", codes),
            lambda api: api.conversations.remove_participant(talk["id"], user),
        )
        talk["parts"].pop(user, None)
        self.are_parts(self.place.callers[who].conversations.list_participants(talk["id"]), talk)

    @precondition(_has("messages"))
    @rule(which=WHICH, who=WHO)
    def read(self, which: int, who: str) -> None:
        message = list(self.model.messages.values())[-1 - which % min(len(self.model.messages), 12)]
        talk = self.model.talks[message["talk"]]
        found = self.ask(
            *(who, f"has read up to {message['text']!r}", {"nobody_reads"} if who == "key" else set()),
            lambda api: api.conversations.read_up_to(talk["id"], up_to=message["id"]),
        )
        if found is not None:
            self.model.read(talk, who, message)
            self.equal("what is unread", found.unread, self.model.unread(talk, who))

    # Two records of one person

    @precondition(lambda machine: len(machine.model.customers) > 1)
    @rule(which=WHICH, other=WHICH, who=WHO)
    def merge(self, which: int, other: int, who: str) -> None:
        into, gone = self.customer(which)["id"], self.customer(other)["id"]
        codes = {"same_customer"} if into == gone else set()
        found = self.ask(*(who, f"merges {gone} into {into}", codes), lambda api: api.customers.merge(into, from_=gone))
        if found is None:
            return
        closed = {str(each) for each in found.merge.closed_conversations}
        record = self.model.merge(into, gone, str(found.merge.id), lambda one, two: one if one in closed else two)
        self.equal("which conversations it ended", closed, set(record["closed"]))
        self.equal("how many moved", found.merge.conversations, len(record["own"]))
        self.is_customer(found.customer, self.model.customers[into])
        self.seen.pop(into, None)

    @precondition(_has("merges"))
    @rule(which=WHICH, who=WHO)
    def undo(self, which: int, who: str) -> None:
        """Of what went into a customer, what went last."""
        latest = {each["into"]: each for each in self.model.merges if each["into"] in self.model.customers}
        if not latest:
            return
        record = list(latest.values())[which % len(latest)]
        codes = self.model.undo_plan(record)[2]
        found = self.ask(
            *(who, f"undoes the merge of {record['gone']} into {record['into']}", codes),
            lambda api: api.customers.undo_merge(record["id"]),
        )
        if found is None:
            return
        api = self.place.callers[who].customers

        def open_talk(customer: str) -> str:
            return next(str(each.id) for each in api.iterate_conversations(customer) if each.status in OPEN)

        again = set(self.model.undo_plan(record)[1])
        moved = self.model.undo(record, open_talk)
        self.equal("which are open again", {str(each) for each in found.reopened}, again)
        self.equal("how many messages moved", found.moved_messages, moved)
        self.is_customer(found.restored, self.model.customers[record["gone"]])
        self.is_customer(found.customer, self.model.customers[record["into"]])
        for each in (record["gone"], record["into"]):
            self.seen.pop(each, None)
        self.ask(who, "undoes it again", {"merge_not_found"}, lambda api: api.customers.undo_merge(record["id"]))

    def teardown(self) -> None:
        """Everything of the example: customers, conversations and who speaks, histories."""
        if self.has_diverged:
            return
        self.story.append("at the end:")
        api = self.place.callers["key"]
        for id_, row in self.model.customers.items():
            self.is_customer(api.customers.get(id_), row)
            talks = {str(each.id): each for each in api.customers.iterate_conversations(id_)}
            self.equal(f"conversations of {id_}", set(talks), {each["id"] for each in self.model.talks_of(id_)})
            for each in talks.values():
                self.is_talk(each, self.model.talks[str(each.id)])
            rows = self.model.said_in(self.model.talks_of(id_))
            self.are_messages(f"the history of {id_}", list(api.customers.iterate_messages(id_, page_size=50)), rows)
        self.worlds.append(self.model)


def _editable(row: Row) -> Row:
    """How often it was edited, and what it holds: what a message teaches is no edit."""
    return {each: row[each] for each in ("edits", "by_hand")}


def _spelled(phone: str, spelling: int) -> Row:
    """As people write it, as it is dialled at home, as WhatsApp has it, and as WhatsApp had it once."""
    area, number = phone[2:4], phone[4:]
    return [
        {"phone_number": f"+55 {area} {number[:5]}-{number[5:]}"},
        {"phone_number": f"({area}) {number[:5]}-{number[5:]}", "country": "BR"},
        {"wa_id": phone},
        {"wa_id": f"55{area}{number[1:]}"},
    ][spelling]


def _not_between_seconds() -> None:
    """Customers' messages have times in seconds: what is said is before such a time, or behind it, beyond doubt."""
    rest = time.time() % 1
    if rest > 0.9:
        time.sleep(1.01 - rest)
