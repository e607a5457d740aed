"""A training's curves as the bytes of one TensorBoard file, in memory: no thread to die and no disk to be full."""

from __future__ import annotations

import struct
import time
from typing import Any


class Curves:
    """Scalars by tag and step. `bytes(curves)` is the file as TensorBoard reads it."""

    def __init__(self) -> None:
        # Here, because it takes a quarter of a second to import, and only rank 0 draws curves.
        from tensorboardX.proto import event_pb2, summary_pb2
        from tensorboardX.record_writer import masked_crc32c

        self._messages, self._summaries, self._checksum = event_pb2, summary_pb2, masked_crc32c
        self._file = bytearray()
        self._append(self._messages.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, tag: str, value: float, step: int) -> None:
        """Add one point of the curve `tag`."""
        point = self._summaries.Summary.Value(tag=tag, simple_value=value)
        summary = self._summaries.Summary(value=[point])
        self._append(self._messages.Event(wall_time=time.time(), step=step, summary=summary))

    def __bytes__(self) -> bytes:
        return bytes(self._file)

    def _append(self, event: Any) -> None:
        # TFRecord: the length, a checksum of the length, the data, a checksum of the data.
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        self._file += length + struct.pack("<I", self._checksum(length))
        self._file += data + struct.pack("<I", self._checksum(data))
