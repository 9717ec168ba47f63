"""What an import answers."""

from waystate.customers.files.intake import ImportOutcome
from waystate.documents import JsonObject
from waystate.web.answers import AnswerBody

IMPORT_EXAMPLE: JsonObject = {
    "rows": 1204,
    "added": 1200,
    "changed": 2,
    "unchanged": 1,
    "refused": 1,
    "errors": [{"line": 17, "code": "phone_unusable", "detail": "`phoneNumber` cannot be called: it is too short."}],
}


class RefusedRow(AnswerBody):
    """`line` is where the row begins in the file, the first one being 1; `code` is for programs."""

    line: int
    code: str
    detail: str


class ImportAnswer(AnswerBody):
    """Rows, and what became of them. `errors` are the first 1,000 of those `refused`, which changed nothing."""

    rows: int
    added: int
    changed: int
    unchanged: int
    refused: int
    errors: list[RefusedRow]


def render_outcome(outcome: ImportOutcome) -> ImportAnswer:
    return ImportAnswer(
        rows=outcome.rows,
        added=outcome.added,
        changed=outcome.changed,
        unchanged=outcome.unchanged,
        refused=outcome.refused,
        errors=[RefusedRow(line=each.line, code=each.code, detail=each.detail) for each in outcome.errors],
    )
