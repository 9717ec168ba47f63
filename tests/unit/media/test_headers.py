import re
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.media.headers import BYTES, SHOWN, content_disposition, content_type, file_headers, find_span, is_known, safe_name


@pytest.mark.parametrize(
    ("said", "served"),
    [
        ("image/jpeg", "image/jpeg"),
        ("audio/ogg; codecs=opus", "audio/ogg"),
        ("IMAGE/PNG", "image/png"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html", BYTES),
        ("image/svg+xml", BYTES),
        ("application/javascript", BYTES),
        ("application/xhtml+xml", BYTES),
        ("image/jpeg\r\nset-cookie: a=b", BYTES),
        ("", BYTES),
        (None, BYTES),
    ],
)
def test_a_type_is_one_of_a_closed_list_or_bytes(said: str | None, served: str) -> None:
    assert content_type(said) == served


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/plain", "application/zip", "application/x-sh"])
def test_what_a_browser_could_run_is_saved_and_not_shown(kind: str) -> None:
    assert content_disposition("a.html", kind).startswith("attachment;")


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("a.jpg", "image/jpeg", 'inline; filename="a.jpg"'),
        (None, "image/jpeg", 'inline; filename="file.jpg"'),
        ("", "application/x-unknown", 'attachment; filename="file.bin"'),
        ("../../etc/passwd", "text/plain", 'attachment; filename="_.._etc_passwd"'),
        ('a"; filename="b.exe', "application/pdf", 'inline; filename="a_; filename=_b.exe"'),
        ("a\r\nSet-Cookie: x=y.pdf", "application/pdf", 'inline; filename="a__Set-Cookie_ x=y.pdf"'),
        ("Größe.pdf", "application/pdf", "inline; filename=\"Gr__e.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf"),
        ("100%25.pdf", "application/pdf", "inline; filename=\"100_25.pdf\"; filename*=UTF-8''100%2525.pdf"),
        ("\u202egpj.exe", "image/jpeg", 'inline; filename="_gpj.exe"'),
        ("\u061cgpj.exe", "image/jpeg", 'inline; filename="_gpj.exe"'),
        ("a\xad.p\U000e0064df", "application/pdf", 'inline; filename="a_.p_df"'),
        ("....", "image/png", 'inline; filename="file.png"'),
    ],
)
def test_a_name_says_what_it_said_and_does_nothing(name: str | None, kind: str, said: str) -> None:
    assert content_disposition(name, kind) == said


@given(st.text(max_size=400), st.sampled_from([*sorted(SHOWN), "text/html", None]))
def test_whatever_a_file_is_called_the_header_is_one_line_of_ascii_and_the_name_a_mere_name(
    name: str, kind: str | None
) -> None:
    said = content_disposition(name, kind)
    assert re.fullmatch(
        r"""(inline|attachment); filename="[^"\\%/\x00-\x1f\x7f]{1,150}"(; filename\*=UTF-8''[\w.~%-]+)?""", said, re.ASCII
    )
    safe = safe_name(name, kind)
    assert safe == PurePosixPath(safe).name == PureWindowsPath(safe).name
    assert safe not in (".", "..")
    assert 1 <= len(safe) <= 150
    if "filename*" in said:
        assert unquote(said.partition("UTF-8''")[2]) == safe
    for value in file_headers(name, kind, bytes(32)).values():
        value.encode("latin-1")


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30) | st.none(), st.integers(0, 1000))
def test_a_range_is_within_the_file_or_empty(asked: str | None, size: int) -> None:
    span = find_span(asked, size)
    if span is not None:
        assert 0 <= span.start <= span.end <= size


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=90-", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=100-", (100, 100)),
        ("bytes=-0", (100, 100)),
        ("Bytes=10-19", (10, 20)),
        ("bytes=90-" + "9" * 30, (90, 100)),
        ("bytes=-" + "9" * 30, (0, 100)),
        ("bytes=" + "9" * 30 + "-", (100, 100)),
        ("bytes=" + "9" * 30 + "-" + "9" * 31, (100, 100)),
    ],
)
def test_ranges_are_read_as_the_standard_has_them(asked: str, found: tuple[int, int]) -> None:
    span = find_span(asked, 100)
    assert span is not None
    assert (span.start, span.end) == found


@pytest.mark.parametrize(
    "asked", [None, "", "bytes=-", "bytes=5-2", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=" + "9" * 5000 + "-"]
)
def test_what_is_no_range_is_answered_with_the_whole(asked: str | None) -> None:
    assert find_span(asked, 100) is None


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", W/"abc" ,"y"', True),
        ("*", True),
        (None, False),
        ("", False),
        ("abc", False),
        ('"abcd"', False),
        ('"a", "b', False),
    ],
)
def test_who_has_the_file_already_is_told_by_its_tag(asked: str | None, known: bool) -> None:
    assert is_known(asked, '"abc"') is known
    assert is_known(asked, None) is False
