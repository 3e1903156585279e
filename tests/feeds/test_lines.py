from __future__ import annotations

import gzip
import zipfile
from collections import deque

import pytest
from captures import trade, write

from exec_plugin.core.errors import FeedError
from exec_plugin.feeds import open_recording
from exec_plugin.feeds.lines import CHUNK, batches, texts


def _lines(path):
    return [line for lines in batches(path) for line in lines]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_last_line(tmp_path, end, packed):
    """The last line counts, with a newline behind it or without."""
    data = f"one\n\ntwo{end}".encode()
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(data) if packed else data)
    assert _lines(path) == ["one", "", "two"]


def test_lines_across_chunks(tmp_path):
    """Lines are whole wherever the file is cut into chunks."""
    lines = [str(number) * (number % 300) for number in range(5000)]
    path = tmp_path / "x"
    path.write_text("\n".join(lines))
    assert len("".join(lines)) > 20 * CHUNK
    assert _lines(path) == lines


def test_several_members(tmp_path):
    """A gzip file written in several goes is read to its end."""
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n"))
    assert _lines(path) == ["a", "bc"]


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")])
def test_empty(tmp_path, data):
    """An empty file says so."""
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    with pytest.raises(FeedError, match=r"x\.gz is empty"):
        open_recording(path)


def test_missing(tmp_path):
    """A missing file is named."""
    with pytest.raises(FeedError, match=r"nowhere\.gz cannot be read"):
        open_recording(tmp_path / "nowhere.gz")


def _cut(tmp_path, keep):
    path = write(tmp_path / "x.gz", [trade(n, f"{100 + n * 7 % 13}.00000000", number=n + 1) for n in range(2000)])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def test_cut_is_refused(tmp_path):
    """A gzip file that breaks off gives what came before, then a FeedError naming the line."""
    seen = []
    rows = open_recording(_cut(tmp_path, 0.6)).rows()
    with pytest.raises(FeedError, match="breaks off"):
        deque(map(seen.append, rows), maxlen=0)
    assert [row[6] for row in seen] == list(range(1, len(seen) + 1))
    assert 500 < len(seen) < 2000


def test_cut_is_skipped(tmp_path):
    """Told to skip, the feed ends at the cut and keeps the problem."""
    feed = open_recording(_cut(tmp_path, 0.6), on_bad="skip")
    rows = list(feed.rows())
    assert feed.rows_read == len(rows) == rows[-1][6]
    assert f"line {len(rows) + 1}" in feed.problems[0]


def test_cut_at_the_begin(tmp_path):
    """Where nothing can be read, the file is refused at opening."""
    with pytest.raises(FeedError, match="breaks off"):
        open_recording(_cut(tmp_path, 0.002), on_bad="skip")


def test_damaged(tmp_path):
    """Damaged gzip data is a FeedError."""
    path = _cut(tmp_path, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    with pytest.raises(FeedError, match="damaged"):
        list(open_recording(path).rows())


def test_zip_of_many(tmp_path):
    """A zip file with more than one file in it is refused."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    with pytest.raises(FeedError, match="holds 2 files"):
        open_recording(tmp_path / "x.zip")


@pytest.mark.parametrize("place", [6, 8])
def test_odd_zip(tmp_path, place):
    """A zip file with a password, or packed by other means, is a damaged one."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", "1,2,3\n")
    data = bytearray(path.read_bytes())
    for start in (place, data.index(b"PK\x01\x02") + place + 2):
        data[start] |= 0x31 if place == 8 else 1
    path.write_bytes(data)
    with pytest.raises(EOFError, match="the zip file is damaged"):
        list(texts(path))
