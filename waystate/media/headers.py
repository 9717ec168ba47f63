"""How a stranger's file is handed out, so that a browser does nothing with it but show what is safe to show. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote

SHOWN = frozenset(
    {
        *("image/jpeg", "image/png", "image/webp", "image/gif"),
        *("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/opus", "audio/wav", "audio/webm"),
        *("video/mp4", "video/3gpp", "video/webm"),
        "application/pdf",
    }
)
"""Types that a browser may show in place: it runs nothing of theirs in its own page."""
SAVED = frozenset(
    {
        *("text/plain", "text/csv", "application/zip", "application/rtf"),
        *("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
        *(
            f"application/vnd.openxmlformats-officedocument.{each}"
            for each in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
        ),
        *(f"application/vnd.oasis.opendocument.{each}" for each in ("text", "spreadsheet", "presentation")),
    }
)
"""Types that keep their name when they are saved. Whatever else somebody says a file is, it is bytes."""
BYTES = "application/octet-stream"
_ENDINGS = {
    **{"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "audio/aac": "aac"},
    **{"audio/amr": "amr", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/ogg": "ogg", "video/mp4": "mp4"},
    **{"video/3gpp": "3gp", "application/pdf": "pdf", "text/plain": "txt", "text/csv": "csv"},
}
_LONGEST_NAME = 150
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
    r'/\\:*?"<>|]'
)
"""What a file system, a terminal or a reader takes for something else: separators, wildcards, controls, turned writing."""
_RANGE = re.compile(r"bytes=(\d{0,200})-(\d{0,200})", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to, and without, `end`. An `end` of 0 with `start` 0 stands for none of an empty file."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def content_type(mime_type: str | None) -> str:
    base = (mime_type or "").partition(";")[0].strip().lower()
    if base.startswith("text/") and base in SAVED:
        return f"{base}; charset=utf-8"
    return base if base in SHOWN or base in SAVED else BYTES


def safe_name(filename: str | None, mime_type: str | None) -> str:
    """A name to save the file under: that of its sender without what is dangerous in it, else one by its type."""
    cleaned = _UNSAFE.sub("_", filename or "").strip(" .")
    if cleaned.strip("_ ."):
        stem, dot, ending = cleaned.rpartition(".")
        if dot and len(ending) <= 10:
            return f"{stem[: _LONGEST_NAME - len(ending) - 1]}.{ending}"
        return cleaned[:_LONGEST_NAME]
    base = (mime_type or "").partition(";")[0].strip().lower()
    return f"file.{_ENDINGS.get(base, 'bin')}"


def content_disposition(filename: str | None, mime_type: str | None) -> str:
    """RFC 6266: the name in ASCII, and beside it as it is (RFC 8187) where that differs."""
    base = content_type(mime_type)
    name = safe_name(filename, mime_type)
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    said = f'{"inline" if base in SHOWN else "attachment"}; filename="{plain}"'
    return said if plain == name else f"{said}; filename*=UTF-8''{quote(name, safe='')}"


def file_headers(filename: str | None, mime_type: str | None, sha256: bytes | None) -> dict[str, str]:
    """Beside those that every answer has, `x-content-type-options: nosniff` among them."""
    headers = {
        "content-type": content_type(mime_type),
        "content-disposition": content_disposition(filename, mime_type),
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private",
        "accept-ranges": "bytes",
    }
    return headers if sha256 is None else headers | {"etag": f'"{sha256.hex()}"'}


def is_known(asked: str | None, etag: str | None) -> bool:
    """Whether the caller of `If-None-Match` has the file that this tag names (RFC 9110, 13.1.2)."""
    if asked is None or etag is None:
        return False
    return asked.strip() == "*" or etag in _TAG.findall(asked)


def find_span(asked: str | None, size: int) -> ByteRange | None:
    """The part that a `Range` header asks for; None: the whole. An empty ByteRange: it asks for nothing that is there.

    Several ranges, or what is none, are answered with the whole (RFC 9110, 14.2).
    """
    found = _RANGE.fullmatch((asked or "").strip())
    if found is None or not (found[1] or found[2]):
        return None
    first, last = found[1], found[2]
    if not first:
        return ByteRange(max(0, size - int(last)), size) if int(last) else ByteRange(size, size)
    if last and int(last) < int(first):
        return None
    end = min(int(last) + 1, size) if last else size
    return ByteRange(int(first), end) if int(first) < size else ByteRange(size, size)
