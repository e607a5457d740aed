"""Shards: tar files of pictures and truth, one for 256 consecutive views, and an index beside them."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from share_dist import errors
from share_dist.render import Records, RenderConfig
from share_dist.storage import Store, inside, is_committed, once, plain_arrays, verified

if TYPE_CHECKING:
    from share_dist.scene import ViewPlan

SHARD_VIEWS = 256
"""Views in a shard, the block of a survey: a few megabytes, a second or two of rendering."""

FORMAT = "shards-v2"
_INDEX = "index"
_TAR = "records.tar"


def shard_name(index: int) -> str:
    """Return the folder of a shard; WebDataset finds all as ``shard-{00000..00009}/records.tar``."""
    return f"shard-{index:05d}"


def shard_numbers(index: int, count: int) -> range:
    """Return the view numbers of a shard in a data set of `count` views."""
    return range(index * SHARD_VIEWS, min((index + 1) * SHARD_VIEWS, count))


def shard_bytes(records: Records, card: dict[str, Any]) -> bytes:
    """Return records as a tar: NNNNNNNN.png, NNNNNNNN.npz (every array but the picture) and NNNNNNNN.json.

    The same records give the same bytes.

    Args:
        records: consecutive views.
        card: which body and plan they belong to; repeated in each JSON, so that a shard alone says what it is.
    """
    sink = io.BytesIO()
    arrays = records.arrays()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row, number in enumerate(records.numbers):
            truth = {name: array[row] for name, array in arrays.items() if name not in ("image", "numbers")}
            about = {"view_number": int(number), "body_hash": card["body_hash"], "plan_hash": card["plan_hash"]}
            _add(tar, f"{number:08d}.png", _png(records.image[row]))
            _add(tar, f"{number:08d}.npz", _npz(truth))
            _add(tar, f"{number:08d}.json", json.dumps(about, sort_keys=True).encode())
    return sink.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _png(image: np.ndarray) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(image).save(sink, "png", compress_level=3)
    return sink.getvalue()


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def index_card(plan: ViewPlan, count: int, body_hash: str, render: RenderConfig) -> dict[str, Any]:
    """Return what a data set's index says: enough to make every shard again."""
    return {
        "format": FORMAT,
        "count": int(count),
        "shards": -(-count // SHARD_VIEWS),
        "plan": plan.to_json(),
        "plan_hash": plan.hash,
        "body_hash": body_hash,
        "render": dataclasses.asdict(render),
    }


def write_index(store: Store, card: dict[str, Any]) -> None:
    """Write what the data set is to be, before any shard is.

    Raises:
        errors.OtherRun: the store holds another data set.
        errors.DamagedFile: its index is of another release, or was altered.
    """
    card = json.loads(json.dumps(card))
    if is_committed(inside(store, _INDEX)) and read_index(store) != card:
        raise errors.OtherRun(
            f"{store.uri()} holds another data set than the one to be written.\n"
            "  Choose another --out, or delete that folder."
        )
    once(
        store,
        _INDEX,
        make=lambda: card,
        save=lambda value, stage: stage.write_once("index.json", json.dumps(value, indent=1).encode()),
        load=lambda stage: card,
    )


def read_index(store: Store) -> dict[str, Any]:
    """Return a data set's index.

    Raises:
        errors.DamagedFile: there is none, or it was altered, or written by another release.
    """
    stage = inside(store, _INDEX)
    if not is_committed(stage):
        raise errors.DamagedFile(
            f"{store.uri()} holds no data set: index/index.json is missing.\n"
            "  Give the folder that `share-dist render` wrote."
        )
    whole = verified(stage)
    try:
        card = json.loads(whole.read("index.json"))
        if card["format"] == FORMAT:
            _require_counts(card)
            return card
        problem = f"its format is {card['format']}, not {FORMAT}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        problem = f"it is not whole ({error})"
    raise errors.DamagedFile(
        f"{stage.uri('index.json')} cannot be used: {problem}.\n"
        "  Make the data set again with `share-dist render` of this release, into another --out."
    )


def _require_counts(card: dict[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError unless an index's numbers can be those of a data set."""
    count, shards, side, body = card["count"], card["shards"], card["render"]["size_px"], card["body_hash"]
    if not type(count) is type(shards) is type(side) is int or count < 1 or shards != -(-count // SHARD_VIEWS):
        raise ValueError(f"{count} views in {shards} shards")
    if not 16 <= side <= 2048 or not isinstance(body, str):
        raise ValueError(f"pictures of {side} pixels, and body {str(body)[:12]}")


def shard_is_done(store: Store, index: int) -> bool:
    """Whether the data set's store holds this shard, committed."""
    return is_committed(inside(store, shard_name(index)))


def write_shard(store: Store, index: int, data: bytes) -> None:
    """Commit a shard; one that is already there stays as it is."""
    once(
        store,
        shard_name(index),
        make=lambda: data,
        save=lambda value, stage: stage.write_once(_TAR, value),
        load=lambda stage: stage.read(_TAR),
    )


def read_shards(store: Store, body_hash: str | None = None) -> Iterator[Records]:
    """Yield the records of a data set, shard after shard, in the order of view numbers.

    Args:
        store: the data set's place.
        body_hash: the body in use; None to look at the data whatever its body.

    Raises:
        errors.WrongBody: the data, or one shard of it, was made with another body.
        errors.DamagedFile: the index or a shard is missing, truncated or altered.
    """
    card = read_index(store)
    _refuse_other_body(store.uri(), card["body_hash"], body_hash)
    for index in range(card["shards"]):
        stage = inside(store, shard_name(index))
        if not is_committed(stage):
            raise errors.DamagedFile(
                f"the data set in {store.uri()} is not complete: {shard_name(index)} is missing.\n"
                "  Run the command that made it again: it renders only what is missing."
            )
        yield _records_from_tar(verified(stage).read(_TAR), stage.uri(_TAR), card, shard_numbers(index, card["count"]))


def _records_from_tar(data: bytes, source: str, card: dict[str, Any], numbers: range) -> Records:
    """Read a shard, of which nothing may take more memory than its own bytes and pictures of the data set's side."""
    rows: dict[int, dict[str, np.ndarray]] = {}
    seen = set[str]()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                number, kind = _sample_of(member, numbers, seen)
                file = tar.extractfile(member)
                assert file is not None
                row = rows.setdefault(number, {})
                if kind == "png":
                    row["image"] = _picture(file.read(), card["render"]["size_px"])
                elif kind == "npz":
                    row.update(plain_arrays(file.read()))
                else:
                    _refuse_other_body(source, json.loads(file.read())["body_hash"], card["body_hash"])
        records = Records(
            numbers=np.array(list(rows), np.int64),
            **{name: np.stack([row[name] for row in rows.values()]) for name in next(iter(rows.values()))},
        )
    # A shard of another release has fields that Records lacks, or lacks some: a TypeError.
    except _DAMAGE as error:
        raise errors.DamagedFile(
            f"{source} is not a whole shard of format {FORMAT} ({error}).\n"
            "  Delete its folder and run the command that made it again: only that shard is made anew."
        ) from error
    return records


_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, StopIteration, SyntaxError),
    *(
        Image.DecompressionBombError,
        EOFError,
        MemoryError,
        OverflowError,
        RecursionError,
        NotImplementedError,
        struct.error,
    ),
)
"""What the readers of tar, zip, PNG, arrays and JSON raise on bytes that are none."""

_MEMBER = re.compile(r"(\d{8,12})\.(png|npz|json)")


def _sample_of(member: tarfile.TarInfo, numbers: range, seen: set[str]) -> tuple[int, str]:
    """Return the view and the kind that a member's name says, or raise ValueError for what we never write."""
    name = _MEMBER.fullmatch(member.name)
    # A sparse one may promise any number of zeros.
    if not member.isreg() or member.issparse():
        raise ValueError(f"{member.name[:80]} is not a file")
    if not name or member.name in seen or int(name[1]) not in numbers:
        raise ValueError(f"{member.name[:80]!a} is no picture, arrays or JSON of views {numbers[0]} to {numbers[-1]}")
    seen.add(member.name)
    return int(name[1]), name[2]


def _picture(data: bytes, side: int) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        if image.size != (side, side):
            raise ValueError(f"a picture of {image.width} × {image.height} pixels, where {side} × {side} were rendered")
        return np.array(image)


def _refuse_other_body(where: str, found: str, wanted: str | None) -> None:
    if wanted is not None and found != wanted:
        raise errors.WrongBody(
            f"{where} was made with body {found[:12]}, but the body in use is {wanted[:12]}.\n"
            "  Pose and shape numbers of one body mean something else on another: set body.folder to the files it was "
            "made with, or render it again."
        )
