"""Files that people give: never waited for, never larger than they can be, in any encoding that editors write."""

from __future__ import annotations

import os
import socket

import pytest

from share_dist.errors import DamagedFile
from share_dist.storage import open_given, read_given, read_given_text


def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFile, match="named pipe"):
        open_given(tmp_path / "pipe")


def test_a_device_is_refused():
    with pytest.raises(DamagedFile, match="a device"):
        read_given("/dev/zero")


def test_a_socket_is_no_file(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match=r"No such device|socket"):
            read_given(tmp_path / "socket")


def test_a_folder_and_a_missing_file_are_told_as_python_does(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_given(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_given(tmp_path / "none")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 40)  # a hole: a terabyte that takes no disk, and that no memory could hold
    with pytest.raises(DamagedFile, match=r"1,099,511,627,776 bytes"):
        read_given(tmp_path / "huge")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_is_read_in_every_encoding_that_editors_write(tmp_path, encoding):
    (tmp_path / "text").write_bytes('{"naïve": "é"}'.encode(encoding))
    assert read_given_text(tmp_path / "text") == '{"naïve": "é"}'


def test_what_is_no_text_is_called_so(tmp_path):
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0 a JPEG")
    with pytest.raises(DamagedFile, match="not text"):
        read_given_text(tmp_path / "picture")
