"""From the bytes of an image file to its pixels, if they are what they say they are."""

from __future__ import annotations

import numpy as np

from mebias.errors import FrameError, UnusableClipError

MOST_PIXELS = 2**25
"""Images of more are not decoded: eight thousand by four thousand take up to 0.7 GiB to decode."""
_SCANS = 500
"""A progressive JPEG of more scans was made to keep its readers busy."""
_JPEG, _PNG, _BMP = b"\xff\xd8", b"\x89PNG", b"BM"
_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
_ASK = "fetch the image anew from its source"


def decode(data: bytes | np.ndarray, name: str) -> np.ndarray:
    """An image from the bytes of its file.

    Parameters
    ----------
    data : bytes or ndarray of uint8
        The file's bytes.
    name : str
        The file, for messages.

    Raises
    ------
    FrameError
        The file is empty, truncated, or no image.
    UnusableClipError
        The image is whole and has more than 8 bits per channel or transparency.
    """
    import cv2

    raw = bytes(data)
    if not raw:
        raise FrameError(f"{name} is empty; {_ASK}.")
    if is_truncated(raw):
        raise FrameError(f"{name} is truncated: its end is missing; {_ASK}.")
    _refuse_too_large(raw, name)
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise FrameError(f"{name} is not a readable image; {_ASK}.")
    if image.dtype != np.uint8:
        # No conversion is the right one: cameras fill 10, 12 or 16 bits, from either end.
        raise UnusableClipError(
            f"{name} holds {image.dtype} values, expected 8 bits per channel; convert all frames "
            f"of the clip by one scale."
        )
    if image.ndim == 3 and image.shape[2] != 3:
        raise UnusableClipError(
            f"{name} has {image.shape[2]} channels, expected gray or three colors; convert the "
            f"clip's frames without transparency."
        )
    return np.ascontiguousarray(image)


def _refuse_too_large(raw: bytes, name: str) -> None:
    """Refuse what is not worth decoding, before any memory is set aside for it."""
    size = stated_size(raw)
    if size is None:
        raise FrameError(f"{name} is not a readable image (JPEG, PNG or BMP); {_ASK}.")
    height, width = size
    if height * width > MOST_PIXELS:
        raise FrameError(
            f"{name} states {height:,} x {width:,} pixels, expected at most "
            f"{MOST_PIXELS / 1e6:.0f} million; {_ASK}."
        )
    if raw.startswith(_PNG) and not _has_whole_chunks(raw):
        raise FrameError(f"{name} is damaged: a part of it states more bytes than it has; {_ASK}.")
    if raw.startswith(_JPEG) and raw.count(b"\xff\xda") > _SCANS:
        raise FrameError(f"{name} has more than {_SCANS} scans, as no camera writes; {_ASK}.")


def stated_size(raw: bytes) -> tuple[int, int] | None:
    """Height and width that the header of a JPEG, PNG or BMP states; None for anything else.

    >>> stated_size(b"GIF89a")
    >>> import cv2
    >>> [stated_size(cv2.imencode(suffix, np.zeros((3, 5), np.uint8))[1].tobytes())
    ...  for suffix in (".png", ".jpg", ".bmp")]
    [(3, 5), (3, 5), (3, 5)]
    """
    if raw.startswith(_PNG):
        return _number(raw[20:24]), _number(raw[16:20])
    if raw.startswith(_BMP):
        if int.from_bytes(raw[14:18], "little") == 12:  # OS/2: two bytes each
            return int.from_bytes(raw[20:22], "little"), int.from_bytes(raw[18:20], "little")
        width, height = (int.from_bytes(raw[i : i + 4], "little", signed=True) for i in (18, 22))
        return abs(height), abs(width)
    return _jpeg_size(raw) if raw.startswith(_JPEG) else None


def _has_whole_chunks(raw: bytes) -> bool:
    """Whether each chunk of a PNG up to its end is there: a decoder believes what it states."""
    place = 8
    while place + 12 <= len(raw):
        end = place + 12 + _number(raw[place : place + 4])
        if raw[place + 4 : place + 8] == b"IEND":
            return end <= len(raw)
        place = end
    return False


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    """The size in the frame header, which may follow other segments."""
    place = 2
    while place + 9 <= len(raw) and raw[place] == 0xFF:
        marker = raw[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            return _number(raw[place + 5 : place + 7]), _number(raw[place + 7 : place + 9])
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # without a length
            place += 2
        else:
            place += 2 + _number(raw[place + 2 : place + 4])
    return None


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def is_truncated(raw: bytes) -> bool:
    """Whether an image file stops before its end, which decoders pass over in silence.

    In a JPEG's compressed data neither marker can occur, so an end marker after the last
    start of a scan is the true one, even behind an embedded thumbnail.
    """
    if raw.startswith(_JPEG):
        if raw.endswith(b"\xff\xd9"):  # as nearly all do: no need to look for the scan
            return False
        return raw.rfind(b"\xff\xd9") <= raw.rfind(b"\xff\xda")
    if raw.startswith(_PNG):
        return b"IEND" not in raw[-4096:]
    if raw.startswith(_BMP):
        return len(raw) < _bitmap_length(raw)
    return False


def _bitmap_length(raw: bytes) -> int:
    """Bytes that a BMP states or, uncompressed, needs; some programs state 0."""
    stated = int.from_bytes(raw[2:6], "little")
    if len(raw) < 34 or int.from_bytes(raw[30:34], "little"):
        return stated
    width, height = (int.from_bytes(raw[i : i + 4], "little", signed=True) for i in (18, 22))
    row = (width * int.from_bytes(raw[28:30], "little") + 31) // 32 * 4
    return max(stated, int.from_bytes(raw[10:14], "little") + row * abs(height))
