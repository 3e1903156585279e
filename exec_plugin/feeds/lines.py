"""Text lines of plain, gzip and zip files, in batches, so that a file of any size fits in memory."""

from __future__ import annotations

import struct
import zipfile
import zlib
from contextlib import closing
from importlib import import_module
from lzma import LZMAError
from typing import TYPE_CHECKING

from exec_plugin.core.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

# A library that comes with the newest ccxt; it inflates twice as fast as the standard one, under the same names.
try:
    _inflater = import_module("zlib_ng.zlib_ng")
except ImportError:  # pragma: no cover - where there is no zlib-ng
    _inflater = zlib

#: What zipfile raises for a damaged file, one with a password, and one packed by other means.
_DAMAGED = (zipfile.BadZipFile, zlib.error, LZMAError, struct.error, RuntimeError, ValueError, OverflowError)
#: Bytes read at once. Small enough for a batch to stay in the processor's cache while it is parsed.
CHUNK = 1 << 13

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


def batches(path: Path) -> Iterator[list[str]]:
    """
    The lines of a file, a list at a time.

    Raises:
        FeedError: as `texts` does.
        EOFError: as `texts` does.
    """
    for text in texts(path):
        yield text[:-1].split("\n")


def texts(path: Path) -> Iterator[str]:
    """
    A file's text, whole lines at a time, each with its newline, which may be missing from the last in the file.

    Raises:
        FeedError: for a file that cannot be opened or is empty.
        EOFError: where a compressed file breaks off or is damaged, after the lines before that place.
    """
    rest = b""
    empty = True
    for data in _content(path):
        end = data.rfind(b"\n") + 1
        if end:
            empty = False
            yield _text(rest + data[:end])
            rest = data[end:]
        else:
            rest += data
    if rest:
        yield _text(rest + b"\n")
    elif empty:
        msg = f"{path} is empty"
        raise FeedError(msg)


def _text(data: bytes) -> str:
    # Bytes that are no text become characters that no parser accepts, so that their line is reported.
    return data.decode("utf-8", "surrogateescape")


def _content(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(GZIP):
                yield from _gunzip(file)
            elif magic == ZIP:
                yield from _unzip(path, file)
            else:
                yield from iter(lambda: file.read(CHUNK * 8), b"")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise FeedError(msg) from error


def _gunzip(file: IO[bytes]) -> Iterator[bytes]:
    # The gzip module loses what it decoded just before a cut; this yields it first.
    decoder = _inflater.decompressobj(wbits=31)
    while data := decoder.unused_data or file.read(CHUNK):
        if decoder.eof:
            decoder = _inflater.decompressobj(wbits=31)
        try:
            yield decoder.decompress(data)
        except (zlib.error, _inflater.error) as error:
            msg = f"the gzip data is damaged: {error}"
            raise EOFError(msg) from error
    if not decoder.eof:
        msg = "the gzip file breaks off"
        raise EOFError(msg)


def _unzip(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(file) as archive, closing(archive.open(_only_name(path, archive))) as member:
            yield from iter(lambda: member.read(CHUNK * 8), b"")
    except FeedError:
        raise
    except _DAMAGED as error:
        msg = f"the zip file is damaged: {error}"
        raise EOFError(msg) from error


def _only_name(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        msg = f"{path} holds {len(names)} files; expected one"
        raise FeedError(msg)
    return names[0]
