"""A training's curves as the bytes of one TensorBoard file, in memory: no thread to die and no disk to be full."""

from __future__ import annotations

import struct
import time

from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]  # made when imported
from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.record_writer import masked_crc32c


class Curves:
    """Scalars by tag and step. `bytes(curves)` is the file as TensorBoard reads it."""

    def __init__(self) -> None:
        self._file = bytearray()
        self._append(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, tag: str, value: float, step: int) -> None:
        """Add one point of the curve `tag`."""
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        self._append(Event(wall_time=time.time(), step=step, summary=summary))

    def __bytes__(self) -> bytes:
        return bytes(self._file)

    def _append(self, event: Event) -> None:
        # TFRecord: the length, a checksum of the length, the data, a checksum of the data.
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        self._file += length + struct.pack("<I", masked_crc32c(length))
        self._file += data + struct.pack("<I", masked_crc32c(data))
