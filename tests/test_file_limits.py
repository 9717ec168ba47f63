"""The table of files in docs/reference/limits.md is what the program goes by; `python -m tests.test_file_limits` writes it."""

from pathlib import Path

from waystate.channels.whatsapp.media import TYPES, size_in_words

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "limits.md"
_START, _END = "<!-- files -->\n", "<!-- end of files -->"


def files_table() -> str:
    lines = ["| `Content-Type` | is | is sent as | may have |", "|---|---|---|---|"]
    lines += [
        f"| `{each.mime_type}` | {each.called} ({', '.join(each.endings)}) | "
        f"{', '.join(f'`{kind}`' for kind in each.sent_as)} | {size_in_words(each.most)} |"
        for each in TYPES.values()
    ]
    return "\n".join(lines) + "\n"


def documented_limits(page: str) -> str:
    before, rest = page.split(_START, 1)
    return before + _START + files_table() + rest[rest.index(_END) :]


def test_the_page_lists_every_file_that_whatsapp_takes() -> None:
    assert PAGE.read_text() == documented_limits(PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(documented_limits(PAGE.read_text()))
