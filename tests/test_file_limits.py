"""The table of files in docs/reference/limits.md is what the program goes by; `python -m tests.test_file_limits` writes it."""

from pathlib import Path

from tests.pages import with_tables
from waystate.channels.whatsapp.media import TYPES, size_in_words

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "limits.md"


def files_table() -> list[str]:
    lines = ["| `Content-Type` | is | is sent as | may have |", "|---|---|---|---|"]
    lines += [
        f"| `{each.mime_type}` | {each.called} ({', '.join(each.endings)}) | "
        f"{', '.join(f'`{kind}`' for kind in each.sent_as)} | {size_in_words(each.most)} |"
        for each in TYPES.values()
    ]
    return lines


TABLES = {"files": files_table}


def test_the_page_lists_every_file_that_whatsapp_takes() -> None:
    assert PAGE.read_text() == with_tables(PAGE.read_text(), TABLES)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(), TABLES))
