"""What the documents list is what the code has."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from waystate.config import Config
from waystate.tenants.model import GenesysLimits, Quotas, TenantSettings, WhatsAppLimits

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


TENANT_SETTINGS = ROOT / "docs" / "reference" / "tenant-settings.md"
_OF_A_TENANT: list[tuple[str, str, type[BaseModel]]] = [
    ("Settings", "`settings`, changed by the tenant itself or the platform.", TenantSettings),
    ("Quotas", "`quotas`, changed by the platform alone. Unset: the installation's default, or no limit.", Quotas),
    ("Limits of a WhatsApp number", "`limits` of an account: what the platform allows it.", WhatsAppLimits),
    ("Limits of a Genesys integration", "`limits` of an integration.", GenesysLimits),
]


def documented_tenant_settings() -> str:
    """docs/reference/tenant-settings.md as it must read; `python -m tests.test_documentation` writes it."""
    lines = [
        "# A tenant's settings, quotas and limits",
        "",
        "How to change them: [work with tenants](../how-to/tenants.md). Durations are ISO 8601, such as `PT10M` or `P7D`.",
        "A wrong value is refused with the field's name; null sets one back to its default.",
    ]
    for title, intro, model in _OF_A_TENANT:
        lines += [
            "",
            f"## {title}",
            "",
            intro,
            "",
            "| name | default | what it must be | what it does, and why |",
            "|---|---|---|---|",
        ]
        defaults = model().model_dump(mode="json")
        for name, shape in model.model_json_schema()["properties"].items():
            default = (
                ""
                if defaults[name] is None
                else f"`{str(defaults[name]).lower() if defaults[name] is True else defaults[name]}`"
            )
            lines.append(f"| `{name}` | {default} | {_must_be(shape)} | {' '.join(shape['description'].split())} |")
    return "\n".join(lines) + "\n"


def _must_be(shape: dict[str, Any]) -> str:
    said = next((each for each in shape.get("anyOf", []) if each.get("type") != "null"), shape)
    if "enum" in said:
        return " or ".join(f"`{each}`" for each in said["enum"])
    if said.get("type") == "boolean":
        return "`true` or `false`"
    if said.get("format") == "duration":
        return "a duration longer than zero"
    if "$ref" in said:
        return "an object with `name`, `language` and, where it has parameters, `components`"
    words = {"integer": "a whole number", "number": "a number"}[said["type"]]
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return ", ".join([words, *(f"{bound} {said[key]:,.16g}" for key, bound in bounds.items() if key in said)])


def test_the_tenant_settings_page_lists_every_setting_quota_and_limit() -> None:
    assert TENANT_SETTINGS.read_text() == documented_tenant_settings()


def test_the_settings_page_lists_every_setting() -> None:
    assert SETTINGS.read_text() == documented_settings()


if __name__ == "__main__":
    SETTINGS.write_text(documented_settings())
    TENANT_SETTINGS.write_text(documented_tenant_settings())
