"""Pages of docs/ whose tables are made from the code, each between two comments with its name."""

from collections.abc import Callable, Mapping


def with_tables(page: str, tables: Mapping[str, Callable[[], list[str]]]) -> str:
    """The page with its tables as they must read."""
    for name, table in tables.items():
        before, rest = page.split(f"<!-- {name} -->\n", 1)
        after = rest[rest.index(f"<!-- end of {name} -->") :]
        page = before + f"<!-- {name} -->\n" + "\n".join(table()) + "\n" + after
    return page
