"""A survey is kept block by block, and what is damaged or foreign is refused by name."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from share_dist import errors
from share_dist.storage import FolderStore, inside
from share_dist.survey import (
    Survey,
    SurveyConfig,
    open_survey,
    parquet_from_rows,
    plain_survey,
    rows_from_parquet,
)
from share_dist.survey.blocks import done_blocks


@pytest.fixture
def store(tmp_path, survey):
    survey.save(FolderStore(tmp_path))
    return FolderStore(tmp_path)


def test_what_is_saved_is_loaded(store, survey):
    again = Survey.load(store)
    assert again.meta == survey.meta
    assert len(again) == 300
    assert again.blocks == 2
    for name, values in survey.columns.items():
        assert again[name].dtype == values.dtype
        np.testing.assert_array_equal(again[name], values)


def test_each_block_is_one_parquet_file_that_anyone_can_read(store, survey):
    assert [key for key in store.list() if key.endswith(".parquet")] == [
        "block-00000/rows.parquet",
        "block-00001/rows.parquet",
    ]
    table = pq.read_table(Path(store.uri("block-00001/rows.parquet")))
    assert table.num_rows == 44
    assert table.column("mpjpe_mm").to_pylist() == survey["mpjpe_mm"][256:].tolist()


def test_the_same_rows_are_the_same_bytes(survey):
    assert parquet_from_rows(survey.columns) == parquet_from_rows(dict(survey.columns))


def test_saving_again_changes_nothing(store, survey):
    before = {key: Path(store.uri(key)).stat().st_mtime_ns for key in store.list()}
    survey.save(store)
    assert before == {key: Path(store.uri(key)).stat().st_mtime_ns for key in store.list()}


def test_a_truncated_block_is_named(store):
    path = Path(store.uri("block-00001/rows.parquet"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(errors.DamagedFile) as caught:
        Survey.load(store)
    assert str(path) in str(caught.value)
    assert f"Delete the folder {path.parent}" in str(caught.value)


def test_a_missing_block_says_how_to_finish(store):
    Path(store.uri("block-00000/manifest.json")).unlink()
    with pytest.raises(errors.DamagedFile, match="only what is missing"):
        Survey.load(store)


def test_a_copy_of_a_blocks_folder_is_no_block(store):
    for name in ("block-00000 copy", "block-00000.bak", "block-"):
        shutil.copytree(store.root / "block-00000", store.root / name)
    assert done_blocks(store) == {0, 1}


def test_a_folder_without_a_survey_is_refused(tmp_path):
    with pytest.raises(errors.DamagedFile, match=r"meta\.json cannot be used: it is not there"):
        Survey.load(FolderStore(tmp_path))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mpjpe_mm", np.nan),
        ("pa_mpjpe_mm", np.inf),
        ("elevation_deg", 200.0),
        ("azimuth_deg", 999.0),
        ("distance_m", 0.0),
        ("distance_m", 1e308),
        ("roll_deg", np.nan),
    ],
)
def test_an_error_or_a_camera_that_is_no_number_is_named_with_its_view(tmp_path, survey, column, value):
    values = survey[column].copy()
    values[261] = value
    Survey(survey.columns | {column: values}, survey.meta).save(FolderStore(tmp_path))
    with pytest.raises(errors.DamagedFile, match=rf"holds {column} \S+ for view 261, and 1 of 300"):
        Survey.load(FolderStore(tmp_path))


def test_words_in_place_of_errors_are_refused(tmp_path, survey):
    words = survey.columns | {"mpjpe_mm": np.array(["much"] * len(survey))}
    Survey(words, survey.meta).save(FolderStore(tmp_path))
    with pytest.raises(errors.DamagedFile, match="holds mpjpe_mm much for view 0"):
        Survey.load(FolderStore(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"format": "survey-v0", "count": 3}',
        b'{"format": "survey-v1", "count": 100000000000000}',
        b'{"format": "survey-v1", "count": Infinity}',
        b'{"format": "survey-v1", "count": true}',
        b"[" * 100_000,
    ],
)
def test_a_broken_or_foreign_meta_is_refused(store, content):
    store.overwrite("meta.json", content)
    with pytest.raises(errors.DamagedFile, match=r"meta\.json cannot be used"):
        Survey.load(store)


def test_another_survey_in_the_same_place_is_refused(store, survey):
    with pytest.raises(errors.OtherRun, match="differs in model_hash"):
        open_survey(store, survey.meta | {"model_hash": "other"})


def test_blocks_of_other_views_are_refused(tmp_path, survey):
    store = FolderStore(tmp_path)
    open_survey(store, survey.meta)
    swapped = Survey({name: values[::-1] for name, values in survey.columns.items()}, survey.meta)
    swapped.save(store)
    with pytest.raises(errors.DamagedFile, match="once each, in order"):
        Survey.load(store)


@pytest.mark.parametrize("size", [0, 4, 500])
def test_bytes_that_are_no_parquet_are_damaged(survey, size):
    with pytest.raises(errors.DamagedFile, match="not a whole Parquet file"):
        rows_from_parquet(parquet_from_rows(survey.columns)[:size], "rows.parquet")


def test_a_parquet_file_of_something_else_is_refused():
    sink = io.BytesIO()
    pq.write_table(pa.table({"price": [1.0]}), sink)
    with pytest.raises(errors.DamagedFile, match="view_number is missing"):
        rows_from_parquet(sink.getvalue(), "prices.parquet")


BLOCK_ROWS = {"view_number": pa.array(range(256))}
EXPANDING = {
    "rows": ({"view_number": pa.array(np.zeros(5_000_000, np.int8))}, "5,000,000 rows, and a block at most 256"),
    "texts": ({"view_number": pa.array(range(4)), "split": pa.array(["x" * 3_000_000] * 4)}, "unpacks to"),
    "one text in all rows": (BLOCK_ROWS | {"split": pa.array(["x" * 300_000] * 256)}, "300,015 are text"),
    "lists": (BLOCK_ROWS | {"x": pa.array([[0.0] * 1000] * 256)}, r"neither numbers nor words: x \(list"),
    "blobs": (BLOCK_ROWS | {"x": pa.array([b"x"] * 256)}, "neither numbers nor words"),
    "columns": ({f"view_number{i}": pa.array([i]) for i in range(600)}, "600 columns"),
    "missing": (BLOCK_ROWS | {"mpjpe_mm": pa.array([None, *range(255)])}, "some values are missing"),
}


@pytest.mark.parametrize("kind", EXPANDING)
def test_a_file_that_expands_is_refused_by_its_footer(kind):
    columns, words = EXPANDING[kind]
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    with pytest.raises(errors.DamagedFile, match=words):
        rows_from_parquet(sink.getvalue(), "rows.parquet")


def seven_bits_a_byte(number: int, length: int = 0) -> bytes:
    """A number as Thrift writes it, made as long as another by zeros."""
    places = max(length, -(-(2 * number).bit_length() // 7))
    return bytes((2 * number >> 7 * at & 127) | 128 * (at < places - 1) for at in range(places))


def test_a_page_that_unpacks_to_more_than_the_footer_says_is_refused():
    sink = io.BytesIO()
    table = pa.table({"view_number": [0, 1], "split": ["x" * 3_000_000, ""]})
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    group = pq.ParquetFile(sink).metadata.row_group(0)
    content, end = sink.getvalue(), len(sink.getvalue()) - pq.ParquetFile(sink).metadata.serialized_size - 8
    footer = content[end:]
    for said in (group.total_byte_size, group.column(1).total_uncompressed_size):
        written = seven_bits_a_byte(said)
        assert footer.count(written) == 1
        footer = footer.replace(written, seven_bits_a_byte(1_000, len(written)))
    with pytest.raises(errors.DamagedFile, match="its pages unpack to 3,00"):
        rows_from_parquet(content[:end] + footer, "rows.parquet")


def test_bytes_changed_in_a_footer_never_end_the_process(survey):
    """Arrow ends it when it is asked for a column of which the footer's parts do not fit together."""
    rng = np.random.default_rng(1)
    sound = np.frombuffer(parquet_from_rows(survey.block(0).columns), np.uint8)
    for _ in range(200):
        changed = sound.copy()
        changed[len(sound) - 1 - rng.integers(0, len(sound) // 3, 3)] = rng.integers(0, 256, 3)
        with suppress(errors.DamagedFile):
            rows_from_parquet(changed.tobytes(), "rows.parquet")


def test_the_meta_says_what_was_measured_with_what(survey, plan, figure):
    assert survey.meta["plan_hash"] == plan.hash
    assert survey.meta["body_hash"] == figure.hash
    assert survey.meta["count"] == 300
    assert survey.meta["render"]["size_px"] == 32
    assert survey.meta["precision"] == "fp32"
    assert json.loads(json.dumps(survey.meta)) == survey.meta


def test_the_meta_says_which_precision_auto_came_to(model, plan, renderer, layer, monkeypatch):
    monkeypatch.setattr("share_dist.models.regressor.has_bf16", lambda device: False)
    assert plain_survey(model, plan, 2, renderer, layer, SurveyConfig(precision="auto")).meta["precision"] == "fp32"


def test_a_column_that_is_not_there_names_the_nearest(survey):
    with pytest.raises(KeyError, match="did you mean 'mpjpe_mm'"):
        survey["mpjpe"]


def test_a_survey_lives_inside_a_run(tmp_path, survey):
    part = inside(FolderStore(tmp_path), "round-00/survey")
    survey.save(part)
    assert (tmp_path / "round-00" / "survey" / "meta.json").is_file()
    assert len(Survey.load(part)) == 300
