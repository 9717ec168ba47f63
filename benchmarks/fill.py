"""A tenant with a year's history, by COPY: `python -m benchmarks.fill --help`. What lists and histories are measured on.

As the superuser, past foreign keys and triggers: what these would check or write is written here.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from time import perf_counter
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.tenants import BENCH, NUMBER, wa_id
from waystate.clock import utc_now
from waystate.config import load_config
from waystate.contacts.model import Identity, IdentityKind
from waystate.customers.words import NAMELESS, fold, words_of
from waystate.db import migrate, partitions
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.pool import Database
from waystate.ids import TenantId, parse_tenant_id

SECOND_NUMBER = "100000000000002"
"""Every tenth conversation's."""
LONG = {0: 100, 2: 1000}
"""Customers who have one conversation with so large a part of all messages: the first one a hundredth."""
CROWD = 1
"""The customer of every 500th conversation."""
_DAY = 86_400_000
"""All times are milliseconds."""
_SPAN, _OPEN_FOR = 365 * _DAY, 3 * _DAY
"""Conversations began in a year, evenly; their customers came in the year before."""
_CHUNK = 10_000
"""Rows that are made together. The messages of so many conversations lie among one another, as those of a few days do."""
_GIVEN = (
    "Ana", "Maria", "José", "João", "Luiza", "Müller", "Søren", "Zoë", "Chloé", "Ravi", "Priya", "Anjali", "Mohammed", "Fatima",
    "Ali", "Yusuf", "Omar", "Aisha", "Wei", "Li", "美咲", "太郎", "Olga", "Ivan", "Petra", "Lukas", "Emma", "Noah",
    "Mia", "Paul", "Marie", "Sofia", "Mateo", "Camila", "Diego", "Valentina", "Thiago", "Beatriz", "Rafael", "Gustavo",
)  # fmt: skip
"""The first ones are many people's."""
_SYLLABLES = (
    "ba", "ker", "lo", "mar", "ti", "nez", "san", "to", "ri", "bei", "ro", "sil", "va", "co", "sta", "hof", "mann", "ko", "wa",
    "ngu", "yen",
)  # fmt: skip
"""Of family names, three each."""
_TAGS = (("newsletter", 0.4), ("app", 0.3), ("vip", 0.01), ("complained", 0.002))
_TEXTS = ("Hello, where is my order?", "It is on its way.", "Thank you!", "Can I change the address?", "Yes: to which one?")
_TABLES = ("contacts", "contact_identities", "contact_tags", "contact_index", "conversations", "messages", "message_keys")

Told = Callable[[str, int, int], None]
"""What is being filled, how much of it is there, and how much there will be."""


@dataclass(frozen=True, slots=True)
class Size:
    customers: int
    conversations: int
    messages: int


@dataclass(slots=True)
class _Making:
    """Rows of one tenant. By customer: `counts` of messages, when anything was `last`, and when one was `said`."""

    tenant: TenantId
    size: Size
    until: int
    numbers: Iterator[int]
    counts: list[int]
    last: list[int]
    said: list[int]
    open: set[tuple[int, str]] = field(default_factory=set)
    """Customer and number: of both at once one conversation may be open."""

    def customer(self, n: int) -> str:
        return uuid_of(self.joined(n), n)

    def joined(self, n: int) -> int:
        return self.until - 2 * _SPAN + _SPAN * n // self.size.customers

    def began(self, n: int) -> int:
        return self.until - _SPAN + _SPAN * n // self.size.conversations


def uuid_of(at: int, n: int) -> str:
    """A UUIDv7 of that time."""
    digits = f"{at:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{n:012x}"


def fill(url: str, size: Size, *, tenant: TenantId = BENCH, told: Told = lambda *_: None) -> None:
    """Into a database that is migrated, where the tenant has no customers yet."""
    now = utc_now()
    asyncio.run(_make_partitions(url, now))
    count, until = size.customers, int(now.timestamp() * 1000)
    making = _Making(tenant, size, until, iter(range(size.messages)), [0] * count, [0] * count, [0] * count)
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        connection.execute("INSERT INTO tenants (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", [tenant, tenant])
        if connection.execute("SELECT FROM contacts WHERE tenant_id = %s LIMIT 1", [tenant]).fetchone():
            raise typer.BadParameter(f"Tenant {tenant} has customers. Name another one, or another database.")
        _fill_conversations(connection, making, told)
        _fill_customers(connection, making, told)
        # The index is whole: nobody has to begin it.
        connection.execute(
            "INSERT INTO sink_cursors (tenant_id, sink) VALUES (%s, 'customers') ON CONFLICT DO NOTHING", [tenant]
        )
    with psycopg.connect(url, autocommit=True) as connection:
        for done, table in enumerate(_TABLES, 1):
            connection.execute(f"VACUUM (ANALYZE) {table}".encode())
            told("tables vacuumed", done, len(_TABLES))
        connection.execute("CHECKPOINT")


async def _make_partitions(url: str, now: datetime) -> None:
    db = await Database.open(url, pool_size=1)
    try:
        async with db.owner() as conn:
            await partitions.make_since(conn, ["messages"], now - timedelta(milliseconds=_SPAN + _DAY), now)
            await partitions.make_ahead(conn, now)
    finally:
        await db.close()


def _owners(size: Size) -> list[int]:
    """Whose each conversation is. Who wrote last is not who came last."""
    order = list(range(size.customers))
    Random(7).shuffle(order)
    owners = [CROWD if n % 500 == CROWD else order[n % size.customers] for n in range(size.conversations)]
    for n in LONG:
        owners[n] = n
    return owners


def _lengths(size: Size) -> list[int]:
    """Messages of each conversation: a few each, some with many, and the long ones."""
    chance, long = Random(1), {n: size.messages // share for n, share in LONG.items()}
    left, lengths = size.messages - sum(long.values()), []
    for n in range(size.conversations):
        mean = left / (size.conversations - n)
        length = long[n] if n in long else min(left, round(chance.expovariate(1 / mean))) if mean else 0
        lengths.append(length)
        left -= 0 if n in long else length
    lengths[-1] += left
    return lengths


def _fill_conversations(connection: Any, making: _Making, told: Told) -> None:
    chance, size = Random(2), making.size
    owners, lengths = _owners(size), _lengths(size)
    coming: list[tuple[int, str, int]] = []
    done = 0
    for start in range(0, size.conversations, _CHUNK):
        end = min(start + _CHUNK, size.conversations)
        rows = []
        for n in range(start, end):
            began = making.began(n)
            # The last word comes a day after the first one at most; the long ones go on all the year.
            lasts = making.until - began if n in LONG else min(making.until - began, _DAY)
            times = sorted(began + int(lasts * chance.random()) for _ in range(lengths[n]))
            uuid = uuid_of(began, n)
            coming += [(at, uuid, place) for place, at in enumerate(times)]
            rows.append(_conversation(making, n, owners[n], uuid, times))
        _copy(connection, "conversations", rows, *_CONVERSATION)
        coming.sort()
        ready = len(coming) if end == size.conversations else _count_before(coming, making.began(end))
        _copy_messages(connection, making, coming[:ready])
        del coming[:ready]
        connection.commit()
        done += ready
        told("messages", done, size.messages)


def _count_before(coming: Sequence[tuple[int, str, int]], moment: int) -> int:
    return next((place for place, each in enumerate(coming) if each[0] >= moment), len(coming))


_CONVERSATION = (
    "tenant_id", "id", "contact_id", "phone_number_id", "wa_id", "status", "expires_at", "last_activity_at",
    "last_customer_message_at", "last_message_at", "last_message", "closed_at", "close_reason", "created_at", "window_from",
    "window_since", "window_told",
)  # fmt: skip


def _conversation(making: _Making, n: int, owner: int, uuid: str, times: Sequence[int]) -> str:
    began, number = making.began(n), SECOND_NUMBER if n % 10 == 9 else NUMBER
    last = times[-1] if times else began
    making.counts[owner] += len(times)
    making.last[owner] = max(making.last[owner], last)
    making.said[owner] = max(making.said[owner], last if times else 0)
    is_open = last + _OPEN_FOR > making.until and owner != CROWD and (owner, number) not in making.open
    if is_open:
        making.open.add((owner, number))
    said = times[(len(times) - 1) // 2 * 2] if times else None
    told = _NULL if said is None or said > making.until - _DAY else "closed"
    return _row(
        making.tenant, uuid, making.customer(owner), number, wa_id(owner), "active" if is_open else "expired",
        _time(last + _OPEN_FOR if is_open else last), _time(last), _time(said), _time(times[-1] if times else None),
        _TEXTS[(len(times) - 1) % 5] if times else _NULL, _NULL if is_open else _time(last), _NULL if is_open else "expired",
        _time(began), _time(said), _time(said), told,
    )  # fmt: skip


_MESSAGE = (
    "tenant_id", "id", "conversation_id", "direction", "first_status", "status", "wamid", "type", "text", "content", "origin",
    "sent_at", "delivered_at", "read_at",
)  # fmt: skip


def _copy_messages(connection: Any, making: _Making, messages: Sequence[tuple[int, str, int]]) -> None:
    rows, keys = [], []
    tenant = making.tenant
    for (at, conversation, place), n in zip(messages, islice(making.numbers, len(messages)), strict=True):
        uuid, wamid, time, text = uuid_of(at, n), f"wamid.FILL{n:012d}", _time(at), _TEXTS[place % 5]
        if place % 2:
            said = f'outbound\tqueued\tread\t{wamid}\ttext\t{text}\t{{"body": "{text}"}}\tfill\t{time}\t{time}\t{time}'
        else:
            said = f"inbound\treceived\tprocessed\t{wamid}\ttext\t{text}\t{{}}\tfill\t{time}\t\\N\t\\N"
        rows.append(f"{tenant}\t{uuid}\t{conversation}\t{said}\n")
        keys.append(f"{tenant}\twhatsapp\t{wamid}\t{uuid}\n")
    _copy(connection, "messages", rows, *_MESSAGE)
    _copy(connection, "message_keys", keys, "tenant_id", "source", "external_id", "message_id")


_CUSTOMER = {
    "contacts": ("tenant_id", "id", "name", "email", "tags", "created_at", "edited_at"),
    "contact_identities": ("tenant_id", "channel", "kind", "external_id", "valid_from", "contact_id"),
    "contact_tags": ("tenant_id", "tag", "contact_id"),
    "contact_index": (
        "tenant_id", "contact_id", "name", "words", "created_at", "last_activity_at", "last_message_at", "message_count",
    ),
}  # fmt: skip


def _fill_customers(connection: Any, making: _Making, told: Told) -> None:
    chance = Random(3)
    for start in range(0, making.size.customers, _CHUNK):
        end = min(start + _CHUNK, making.size.customers)
        rows: dict[str, list[str]] = {table: [] for table in _CUSTOMER}
        for n in range(start, end):
            _add_customer(rows, making, n, chance)
        for table, columns in _CUSTOMER.items():
            _copy(connection, table, rows[table], *columns)
        connection.commit()
        told("customers", end, making.size.customers)


def _add_customer(rows: dict[str, list[str]], making: _Making, n: int, chance: Random) -> None:
    tenant, uuid, joined, phone = making.tenant, making.customer(n), _time(making.joined(n)), wa_id(n)
    given, family = _GIVEN[int(len(_GIVEN) * chance.random() ** 2)], _family(chance)
    name = None if n % 50 == 49 else f"{given} {family}"
    email = f"{family.lower()}{n}@example.com" if n % 3 == 0 else None
    tags = sorted(tag for tag, share in _TAGS if chance.random() < share)
    words = " ".join(f"'{word}'" for word in words_of((name, email), (Identity(IdentityKind.WA_ID, phone),)))
    last_message = _time(making.said[n] or None)
    rows["contacts"].append(_row(tenant, uuid, name or _NULL, email or _NULL, f"{{{','.join(tags)}}}", joined, joined))
    rows["contact_identities"].append(_row(tenant, "whatsapp", "wa_id", phone, joined, uuid))
    rows["contact_tags"] += [_row(tenant, tag, uuid) for tag in tags]
    folded, last = fold(name) if name else NAMELESS, _time(making.last[n] or making.joined(n))
    rows["contact_index"].append(_row(tenant, uuid, folded, words, joined, last, last_message, str(making.counts[n])))


def _family(chance: Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(3)).capitalize()


_NULL = r"\N"


def _row(*fields: str) -> str:
    return "\t".join(fields) + "\n"


def _time(at: int | None) -> str:
    return _NULL if at is None else datetime.fromtimestamp(at / 1000, UTC).isoformat()


def _copy(connection: Any, table: str, rows: Iterable[str], *columns: str) -> None:
    """Rows are lines of COPY's text format."""
    with connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
        copy.write("".join(rows))


def main(
    customers: Annotated[int, typer.Option(min=500)] = 100_000,
    conversations: Annotated[int, typer.Option(min=500)] = 100_000,
    messages: Annotated[int, typer.Option(min=1000)] = 1_000_000,
    tenant: Annotated[str, typer.Option(help="Made where there is none; it may not have customers")] = BENCH,
    database_url: Annotated[
        str | None, typer.Option(envvar="DATABASE_URL", help="As a superuser; left out, the embedded one of WAYSTATE_HOME")
    ] = None,
) -> None:
    """Fill a tenant with customers, conversations and messages of a year: a million, a million and ten million in minutes.

    They take about 0.6 kB of disk a message, and 1.5 kB a customer and a conversation.
    """
    started, size = perf_counter(), Size(customers, conversations, messages)
    embedded = None if database_url else EmbeddedPostgres(load_config().home)
    if embedded is not None:
        embedded.use()
    url = embedded.start() if embedded is not None else str(database_url)
    try:
        migrate.upgrade(url)
        with shown() as told:
            fill(url, size, tenant=parse_tenant_id(tenant), told=told)
    finally:
        if embedded is not None:
            embedded.stop_if_unused()
    rows = f"{customers:,} customers, {conversations:,} conversations, {messages:,} messages"
    Console().print(f"Tenant {tenant} has {rows}: {perf_counter() - started:.0f} s.", highlight=False)


@contextmanager
def shown() -> Iterator[Told]:
    """A bar for each step; without a terminal a line at its end."""
    console, bars = Console(stderr=True), dict[str, TaskID]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done)
            if done == total and not console.is_terminal:
                console.print(f"{total:,} {what}", highlight=False)

        yield tell


if __name__ == "__main__":
    typer.run(main)
