"""The files that WhatsApp takes from a business: their types and sizes, and whether a file is what it says. Pure.

A size is of the file's own type, whatever type of message it goes out as: WhatsApp judges it when it is uploaded.
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from waystate.channels.fields import is_visible

KIB, MIB = 1 << 10, 1 << 20
HEAD = 4096
"""Bytes of a file's beginning that tell what it is."""
MOST = 100 * MIB
"""Bytes of the largest file of all types."""
ANIMATED = 500 * KIB
TEXT = "text/plain"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_OLD_OFFICE = ("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint")
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"})
"""What senders say who do not know; `curl --data-binary` says the last."""
_ZIP, _OLE = "application/zip", "application/x-ole-storage"


@dataclass(frozen=True, slots=True)
class FileType:
    """`sent_as`: the types of message that show such a file, the best first. `most` is in bytes."""

    mime_type: str
    called: str
    sent_as: tuple[str, ...]
    most: int
    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why WhatsApp does not take a file: a code, and a sentence for whoever sends it."""

    code: str
    text: str


TYPES: dict[str, FileType] = {
    each.mime_type: each
    for each in (
        FileType("image/jpeg", "JPEG image", ("image", "document"), 5 * MIB, (".jpg", ".jpeg")),
        FileType("image/png", "PNG image", ("image", "document"), 5 * MIB, (".png",)),
        FileType("image/webp", "WebP sticker", ("sticker",), 100 * KIB, (".webp",)),
        FileType("audio/aac", "AAC audio", ("audio", "document"), 16 * MIB, (".aac",)),
        FileType("audio/amr", "AMR audio", ("audio", "document"), 16 * MIB, (".amr",)),
        FileType("audio/mpeg", "MP3 audio", ("audio", "document"), 16 * MIB, (".mp3",)),
        FileType("audio/mp4", "MP4 audio", ("audio", "document"), 16 * MIB, (".m4a",)),
        FileType("audio/ogg", "Ogg audio", ("audio", "document"), 16 * MIB, (".ogg", ".opus", ".oga")),
        FileType("video/mp4", "MP4 video", ("video", "document"), 16 * MIB, (".mp4", ".m4v")),
        FileType("video/3gpp", "3GP video", ("video", "document"), 16 * MIB, (".3gp",)),
        FileType("application/pdf", "PDF", ("document",), MOST, (".pdf",)),
        FileType(_WORD, "Word document", ("document",), MOST, (".docx",)),
        FileType(_EXCEL, "Excel sheet", ("document",), MOST, (".xlsx",)),
        FileType(_POWERPOINT, "PowerPoint presentation", ("document",), MOST, (".pptx",)),
        FileType(_OLD_OFFICE[0], "Word document (97-2003)", ("document",), MOST, (".doc",)),
        FileType(_OLD_OFFICE[1], "Excel sheet (97-2003)", ("document",), MOST, (".xls",)),
        FileType(_OLD_OFFICE[2], "PowerPoint presentation (97-2003)", ("document",), MOST, (".ppt",)),
        FileType(TEXT, "text", ("document",), MOST, (".txt", ".csv")),
    )
}
"""By the MIME type that the upload names."""
_ALSO_CALLED = {
    **dict.fromkeys(("image/jpg", "image/pjpeg"), "image/jpeg"),
    **dict.fromkeys(("image/x-png", "image/apng"), "image/png"),
    **dict.fromkeys(("audio/mp3", "audio/x-mp3", "audio/x-mpeg"), "audio/mpeg"),
    **dict.fromkeys(("audio/m4a", "audio/x-m4a", "audio/mp4a-latm"), "audio/mp4"),
    **dict.fromkeys(("audio/opus", "application/ogg", "audio/x-ogg"), "audio/ogg"),
    **dict.fromkeys(("audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts"), "audio/aac"),
    **dict.fromkeys(("audio/3gpp", "video/3gp"), "video/3gpp"),
    **dict.fromkeys(("video/x-m4v", "application/mp4"), "video/mp4"),
    "application/x-pdf": "application/pdf",
    **dict.fromkeys(("application/json", "application/xml", "application/csv"), TEXT),
}
_BY_ENDING = {ending: each.mime_type for each in TYPES.values() for ending in each.endings}
_INSIDE: dict[str, tuple[str, ...]] = {
    _ZIP: (_WORD, _EXCEL, _POWERPOINT),
    _OLE: _OLD_OFFICE,
    "video/mp4": ("video/mp4", "audio/mp4", "video/3gpp"),
    "audio/mpeg": ("audio/mpeg", "audio/aac"),
}
"""What a file may be whose beginning says no more than this."""
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", _ZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"ADIF", "audio/aac"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"fLaC", "audio/flac"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
)
_BRANDS = {
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
}
_OPUS, _OGG_PAGE = b"OpusHead", 27
"""The first packet of a stream; behind a page's header of 27 bytes and its table of segments (RFC 3533, RFC 7845)."""


def find_type(mime_type: str | None) -> FileType | None:
    """By any of its names; parameters (`audio/ogg; codecs=opus`) say nothing."""
    return TYPES.get(_spelled(mime_type))


def judge(declared: str | None, filename: str | None, head: bytes, *, believes_bytes: bool = False) -> FileType | Unfit:
    """The type of a file by its first `HEAD` bytes, or why WhatsApp does not take it. Its size is judged apart.

    `believes_bytes`: what is declared wrongly is taken for what it is, where nobody is there who could correct it.
    """
    if not head:
        return Unfit("media_empty", f"{_named(filename)} is empty. Choose another file.")
    said, seen = _spelled(declared), sniff(head)
    if seen is None:
        return Unfit("media_type_unsupported", f"{_named(filename)} is of no type that WhatsApp takes. {_REMEDY}")
    may_be = _INSIDE.get(seen, (seen,))
    if seen == TEXT and said not in TYPES:
        said = TEXT  # such as application/yaml: the name's ending tells the phone what to open it with
    if said not in _UNTOLD and said not in may_be and not believes_bytes:
        return Unfit(
            "media_type_mismatch",
            f"{_named(filename)} is declared as {said}, and its content is {_called(seen)}. Declare what it is.",
        )
    mime_type = said if said in may_be else _by_ending(filename, may_be) or (may_be[0] if seen in TYPES else seen)
    found = TYPES.get(mime_type)
    if found is None:
        return Unfit("media_type_unsupported", f"WhatsApp takes no {_called(seen)}. {_REMEDY}")
    return _find_unplayable(found, head) or found


def judge_size(type: FileType, size: int, head: bytes = b"") -> Unfit | None:
    """`size` in bytes, so far or in the end; `head` tells an animated sticker, which may be larger."""
    most = limit_of(type, head)
    if size <= most:
        return None
    article = "An" if type.called[0] in "AEIOU" or type.called.startswith("MP") else "A"
    return Unfit(
        "media_too_large",
        f"{article} {type.called} may have at most {size_in_words(most)} at WhatsApp. Make it smaller, or send a link to it.",
    )


def limit_of(type: FileType, head: bytes = b"") -> int:
    """Bytes."""
    return ANIMATED if type.mime_type == "image/webp" and is_animated(head) else type.most


def find_misfit(wanted: str, mime_type: str) -> Unfit | None:
    """Why a stored file cannot be sent as this type of message."""
    found = find_type(mime_type)
    if found is not None and wanted in found.sent_as:
        return None
    fits = found.sent_as if found is not None else ()
    remedy = f"Send it as {' or '.join(fits)}." if fits else _REMEDY
    return Unfit("media_unusable", f"The file is {_called(mime_type)}, which WhatsApp does not show as {wanted}. {remedy}")


def best_of(wanted: str, type: FileType) -> str:
    """The type of message for a file that somebody attached as `wanted`."""
    return wanted if wanted in type.sent_as else type.sent_as[0]


def sniff(head: bytes) -> str | None:
    """What the first bytes of a file say that it is, of a container the container; None: nothing known."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "video/3gpp" if brand.startswith((b"3gp", b"3g2")) else _BRANDS.get(brand, "video/mp4")
    for at, magic, mime_type in _MAGIC:
        if head.startswith(magic, at) and (at == 0 or head.startswith(b"RIFF")):
            return mime_type
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # A frame of MPEG audio; layer 0 is that of AAC in ADTS.
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    return TEXT if _is_text(head) else None


def is_animated(head: bytes) -> bool:
    """Of a WebP. https://developers.google.com/speed/webp/docs/riff_container#extended_file_format"""
    return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)


def size_in_words(size: int) -> str:
    return f"{size // MIB} MB" if size >= MIB else f"{size // KIB} KB"


_REMEDY = (
    "Send a JPEG or PNG image, an MP4 or 3GP video, an AAC, AMR, MP3, M4A or Ogg (Opus) audio, a WebP sticker, a PDF, a text, "
    "or a Word, Excel or PowerPoint file."
)


def _find_unplayable(type: FileType, head: bytes) -> Unfit | None:
    if type.mime_type != "audio/ogg":
        return None
    packet = head[_OGG_PAGE + head[26] :] if len(head) > _OGG_PAGE else b""
    if not packet.startswith(_OPUS):
        return Unfit(
            "media_unplayable", "WhatsApp plays Ogg with the Opus codec alone. Convert the recording to Opus, or to MP3."
        )
    if len(packet) > 9 and packet[9] != 1:
        return Unfit("media_unplayable", "WhatsApp plays Ogg in mono alone. Convert the recording to one channel, or to MP3.")
    return None


def _spelled(mime_type: str | None) -> str:
    said = (mime_type or "").partition(";")[0].strip().lower()
    if said.startswith("text/"):
        return TEXT
    return _ALSO_CALLED.get(said, said)


def _by_ending(filename: str | None, may_be: tuple[str, ...]) -> str | None:
    """Of several that a file may be."""
    found = _BY_ENDING.get(PurePosixPath(filename or "").suffix.lower())
    return found if found in may_be else None


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return not any(each < 0x20 and each not in b"\t\n\r\f\x1b\x08" for each in head)


def _called(mime_type: str) -> str:
    found = TYPES.get(mime_type)
    if found is not None:
        return found.called
    return {_ZIP: "ZIP archive", _OLE: "older Office file"}.get(mime_type, f"file of type {mime_type}")


def _named(filename: str | None) -> str:
    return f"The file {filename[:60]}" if filename and is_visible(filename) else "The file"
