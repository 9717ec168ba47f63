"""A file of customers reads as it was written, in whatever pieces it comes."""

from itertools import pairwise
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystate.customers.files.rows import LONGEST_ROW, BadRow, FileFormat, FileRow, RowReader, header_line, render_csv
from waystate.errors import Unprocessable

EMPTY: dict[str, Any] = dict.fromkeys(header_line().strip().split(","))


def read(body: bytes, cuts: list[int] | None = None, declared: FileFormat | None = None) -> list[FileRow | BadRow]:
    reader, found = RowReader(declared), list[FileRow | BadRow]()
    places = sorted({0, len(body), *(each % (len(body) + 1) for each in cuts or ())})
    for start, end in pairwise(places):
        found += reader.feed(body[start:end])
    return [*found, *reader.end()]


def said(rows: list[FileRow | BadRow]) -> list[Any]:
    return [each.said if isinstance(each, FileRow) else (each.line, each.code) for each in rows]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
TAGS = st.lists(TEXTS.map(lambda each: " ".join(each.split())).filter(bool), max_size=4)
CUSTOMERS = st.lists(
    st.fixed_dictionaries({"name": TEXTS, "email": TEXTS, "tags": TAGS, "metadata": st.dictionaries(TEXTS, TEXTS, max_size=3)}),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(CUSTOMERS, st.lists(st.integers(0, 5000), max_size=8))
def test_what_is_written_is_read_however_it_is_cut(customers: list[dict[str, Any]], cuts: list[int]) -> None:
    rows = [EMPTY | {"waIds": ["491700000001"], "userIds": []} | each for each in customers]
    body = (header_line() + render_csv(rows)).encode()
    expected = [{key: value for key, value in each.items() if value} for each in rows]
    assert said(read(body, cuts)) == expected


@pytest.mark.parametrize("cell", ["=1+1", "+491700000001", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1", "''+1"])
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    body = render_csv([EMPTY | {"waIds": [], "userIds": [], "tags": [], "preferences": {}, "metadata": {}, "name": cell}])
    assert f"'{cell}" in body
    (row,) = read((header_line() + body).encode())
    assert isinstance(row, FileRow)
    assert row.said == {"name": cell}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("name;waId\r\nAna;1\r\n", [{"name": "Ana", "waIds": ["1"]}]),
        ("\ufeffName\tPhone Number\nAna\t+1\n", [{"name": "Ana", "phoneNumber": "+1"}]),
        ("id,tags\nx,a; b\n\ny,[]", [{"id": "x", "tags": ["a", "b"]}, {"id": "y", "tags": []}]),
        ('id,name\nx,"a\nb"\ny,c\n', [{"id": "x", "name": "a\nb"}, {"id": "y", "name": "c"}]),
        ('id,name\nx,"a\ny,b\nz,c\n', [(2, "quote_not_closed"), {"id": "y", "name": "b"}, {"id": "z", "name": "c"}]),
        ("id,name\nx,a,b\ny,c\n", [(2, "cells_do_not_fit"), {"id": "y", "name": "c"}]),
        ("id,metadata\nx,{\ny,{}\n", [(2, "not_json"), {"id": "y", "metadata": {}}]),
        ('{"id": "x", "waIds": "1"}\nno\n[1]\n{"what": 1}\n', [{"id": "x", "waIds": ["1"]}, (2, "not_json"), (3, "not_json"),
            (4, "fields_unknown")]),
        ('{"id": "x", "kind": "person", "messageCount": 3}', [{"id": "x"}]),
        ("id\n" + "x" * (LONGEST_ROW + 5) + "\ny\n", [(2, "row_too_long"), {"id": "y"}]),
        ('"waId";"name"\n"1";"a,b"\n', [{"waIds": ["1"], "name": "a,b"}]),
        ("", []),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_costs_no_other(body: str, expected: list[Any]) -> None:
    assert said(read(body.encode(), [3, 7, 70_000, 300_000])) == expected
    assert said(read(body.encode())) == expected


def test_what_is_not_utf8_is_told_by_its_line() -> None:
    assert said(read(b"id,name\nx,\xff\ny,b\n")) == [(2, "not_utf8"), {"id": "y", "name": "b"}]


@pytest.mark.parametrize("header", ["name\nAna\n", "id,what\n", "id,id\n", "\xff\n", "id,\n", '"id\nx\n',
    '"id"x,name\n', "id\rx\r", "id,name" + ",name" * LONGEST_ROW])  # fmt: skip
def test_a_header_without_a_meaning_is_refused(header: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        read(header.encode("latin-1"))
    assert refused.value.code == "header_unusable"


def test_many_lines_behind_a_quote_are_each_looked_at_once() -> None:
    body = b'id,name\nx,"a\n' + b"\n" * (LONGEST_ROW - 10) + b"y,b\n"
    begun = process_time()
    assert said(read(body, list(range(0, len(body), 1000)))) == [(2, "quote_not_closed"), {"id": "y", "name": "b"}]
    assert process_time() - begun < 5, "a look at all of them with each one takes minutes"
