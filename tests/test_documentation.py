"""What the documents list is what the code has."""

from pathlib import Path

from waystate.config import Config

ROOT = Path(__file__).parent.parent
SETTINGS = ROOT / "docs" / "reference" / "settings.md"


def documented_settings() -> str:
    """docs/reference/settings.md as it must read; `python -m tests.test_documentation` writes it."""
    lines = [
        "# Settings",
        "",
        "Environment variables, read once at start. A wrong one stops the start with a sentence that names it.",
        "",
        "| variable | default | what it must be | why |",
        "|---|---|---|---|",
    ]
    for field in Config.model_fields.values():
        alias = field.validation_alias
        names = [str(choice) for choice in alias.choices] if hasattr(alias, "choices") else [str(alias)]
        default = "" if field.default is None or field.is_required() else str(getattr(field.default, "value", field.default))
        if default == "PydanticUndefined":
            default = ""
        shown = " or ".join(f"`{name}`" for name in names)
        why = (field.description or "").replace("|", "\\|")
        lines.append(f"| {shown} | {f'`{default}`' if default else ''} | {field.title or ''} | {why} |")
    return "\n".join(lines) + "\n"


def test_the_settings_page_lists_every_setting() -> None:
    assert SETTINGS.read_text() == documented_settings()


if __name__ == "__main__":
    SETTINGS.write_text(documented_settings())
