"""SMPL files as people have them: official pickles of both versions, cleaned ones, converted ones, whole downloads."""

from __future__ import annotations

import collections
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from official import ch, official_content, python2_pickle, select

from share_dist.body import BodyConfig, load_body, smpl_arrays
from share_dist.body.files import read_body_arrays
from share_dist.body.model import body_hash
from share_dist.errors import BadSetting, BodyFilesMissing, DamagedFile

# What NumPy says of matrices, and SciPy of the module paths that official files name.
pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass", "ignore:Please import")


@pytest.fixture(scope="module")
def arrays(figure):
    """The figure as its own file holds it, so that every file here is small."""
    arrays = smpl_arrays(figure)
    return arrays | {"posedirs": arrays["posedirs"].astype(np.float16)}


def hash_of(path):
    return body_hash(read_body_arrays(path))


@pytest.mark.parametrize(
    ("protocol", "betas"),
    [(2, 10), (0, 10), pytest.param(2, 300, marks=pytest.mark.slow), pytest.param(0, 300, marks=pytest.mark.slow)],
    ids=["1.0.0", "protocol 0, 10 betas", "protocol 2, 300 betas", "1.1.0"],
)
def test_an_official_pickle_of_python_2_is_read(figure, arrays, tmp_path, protocol, betas):
    path = tmp_path / "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
    path.write_bytes(python2_pickle(official_content(arrays, betas), protocol))
    assert hash_of(path) == figure.hash


@pytest.mark.parametrize("protocol", [0, 2])
def test_the_hand_written_pickles_are_real_ones(arrays, protocol):
    """Python's own reader sees in them what they were made of."""
    value = {"a": arrays["f"][:5], "s": scipy.sparse.csc_matrix(np.eye(3)), "t": (1, 70_000, None, True, ("x",) * 5)}
    read = pickle.loads(python2_pickle(value, protocol), encoding="latin1")
    np.testing.assert_array_equal(read["a"], value["a"])
    np.testing.assert_array_equal(read["s"].toarray(), np.eye(3))
    assert read["t"] == value["t"]


def cleaned(arrays):
    """After the usual removal of chumpy: plain arrays, and the regressor still sparse."""
    return arrays | {"J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]), "bs_style": "lbs"}


@pytest.mark.parametrize("protocol", range(6))
def test_a_file_without_chumpy_is_read_in_every_protocol(figure, arrays, tmp_path, protocol):
    (tmp_path / "file").write_bytes(pickle.dumps(cleaned(arrays), protocol))
    assert hash_of(tmp_path / "file") == figure.hash


@pytest.mark.parametrize(
    "convert",
    [
        scipy.sparse.coo_matrix,
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_array,
        scipy.sparse.coo_array,
        np.matrix,
        np.asfortranarray,
        lambda array: array.astype(">f8"),
        lambda array: array.tolist(),
    ],
    ids=["coo", "csr", "csc_array", "coo_array", "matrix", "fortran", "big-endian", "lists"],
)
def test_a_regressor_may_be_of_any_kind(figure, arrays, tmp_path, convert):
    (tmp_path / "file").write_bytes(pickle.dumps(arrays | {"J_regressor": convert(arrays["J_regressor"])}))
    assert hash_of(tmp_path / "file") == figure.hash


@pytest.mark.parametrize("convert", [scipy.sparse.coo_matrix, np.matrix, ch], ids=["coo", "matrix", "chumpy"])
def test_a_regressor_of_python_2_may_be_of_any_kind(figure, arrays, tmp_path, convert):
    content = arrays | {"J_regressor": convert(arrays["J_regressor"])}
    (tmp_path / "file").write_bytes(python2_pickle(content, 2))
    assert hash_of(tmp_path / "file") == figure.hash


def test_sums_of_a_sparse_regressor_are_those_of_scipy(figure, arrays, tmp_path):
    """A coordinate that occurs twice counts twice."""
    coo = scipy.sparse.coo_matrix(arrays["J_regressor"])
    double = scipy.sparse.coo_matrix(
        (np.tile(coo.data / 2, 2), (np.tile(coo.row, 2), np.tile(coo.col, 2))), shape=coo.shape
    )
    (tmp_path / "file").write_bytes(pickle.dumps(arrays | {"J_regressor": double}))
    assert hash_of(tmp_path / "file") == figure.hash


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict])
def test_keys_may_be_bytes(figure, arrays, tmp_path, kind):
    content = kind((name.encode(), array) for name, array in arrays.items())
    (tmp_path / "file").write_bytes(pickle.dumps(content, 2))
    assert hash_of(tmp_path / "file") == figure.hash


def test_what_savez_makes_of_a_pickles_content_is_read(figure, arrays, tmp_path):
    """Our own advice, followed with a regressor that NumPy can only pickle."""
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **cleaned(arrays), pose_training_info={"files": ["a"]})
    assert hash_of(tmp_path / "SMPL_NEUTRAL.npz") == figure.hash


def test_a_compressed_npz_and_an_npy_are_read_whatever_their_names(figure, arrays, tmp_path):
    big_endian = {"weights": arrays["weights"].astype(">f8"), "shapedirs": np.asfortranarray(arrays["shapedirs"])}
    np.savez_compressed(tmp_path / "body.npz", **(arrays | big_endian))
    (tmp_path / "body.npz").rename(tmp_path / "SMPL_NEUTRAL.pkl")
    np.save(tmp_path / "body.npy", np.array(cleaned(arrays), dtype=object))
    assert hash_of(tmp_path / "SMPL_NEUTRAL.pkl") == hash_of(tmp_path / "body.npy") == figure.hash


def npy_of_python_2(code, shape, content):
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': ({''.join(f'{side}L, ' for side in shape)}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def test_an_npz_of_python_2_is_read(figure, arrays, tmp_path):
    """Its sizes end in L, and its objects are pickled in Python 2's bytes."""
    regressor = scipy.sparse.csc_matrix(arrays["J_regressor"])
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        for name, array in arrays.items():
            plain = npy_of_python_2(array.dtype.str, array.shape, array.tobytes())
            pickled = npy_of_python_2("|O", (), python2_pickle(regressor, 2))
            archive.writestr(f"{name}.npy", pickled if name == "J_regressor" else plain)
    assert hash_of(tmp_path / "file.npz") == figure.hash


@pytest.mark.parametrize(
    "place",
    [
        "SMPL_python_v.1.1.0/smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        "mpips_smplify_public_v2/smplify_public/code/models/basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
        "models/smpl/SMPL_NEUTRAL.npz",
        "body_models/smpl/neutral/model.npz",
        "Smpl_Neutral.PKL",
        "BASICMODEL_NEUTRAL_LBS_10_207_0_V1.1.0.pkl",
        "basicModel_neutral_lbs_10_207_0_v1.0.0_py3.pkl",
        "neutral_smpl_with_cocoplus_reg.pkl",
        "SMPL_NEUTRAL - Copy.pkl",
    ],
)
def test_a_file_is_found_where_people_put_it(figure, arrays, tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(arrays))
    for named in (path, tmp_path):
        assert load_body.__wrapped__(BodyConfig(folder=named)).hash == figure.hash


def test_the_nearest_file_wins_then_the_folder_smpl_then_the_order_of_names(arrays, tmp_path):
    def put(place, size):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(pickle.dumps(arrays | {"v_template": arrays["v_template"] * np.float32(size)}))

    def found():
        return load_body.__wrapped__(BodyConfig(folder=tmp_path)).v_template.max() / arrays["v_template"].max()

    put("a/b/SMPL_NEUTRAL.npz", 1.01)
    assert found() == pytest.approx(1.01)
    put("a/SMPL_NEUTRAL.npz", 1.02)
    assert found() == pytest.approx(1.02)
    put("smpl/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", 1.03)
    assert found() == pytest.approx(1.03)
    put("smpl/smpl_neutral.pkl", 1.04)
    assert found() == pytest.approx(1.04)
    put("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", 1.05)
    assert found() == pytest.approx(1.05)


def test_a_file_of_another_gender_is_not_taken_for_the_one_wanted(arrays, tmp_path):
    (tmp_path / "SMPL_MALE.pkl").write_bytes(pickle.dumps(arrays))
    with pytest.raises(BadSetting, match="male model, but body.gender is 'neutral'"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path / "SMPL_MALE.pkl"))
    with pytest.raises(BodyFilesMissing, match="SMPL_MALE.pkl is the male model: to use it set --body.gender male"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path))
    load_body.__wrapped__(BodyConfig(folder=tmp_path / "SMPL_MALE.pkl", gender="male"))


def test_a_home_folder_is_understood(arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **arrays)
    assert not load_body.__wrapped__(BodyConfig(folder=Path("~"))).is_builtin


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        ("SMPL_python_v.1.1.0.zip", "SMPL_python_v.1.1.0.zip is still packed"),
        ("smplx/SMPLX_NEUTRAL.npz", "SMPLX_NEUTRAL.npz is not of SMPL"),
        ("smplh/neutral/model.npz", "model.npz is not of SMPL"),
        ("saved/model.pkl", "model.pkl is it, name the file itself: --body.folder"),
    ],
)
def test_what_is_there_instead_is_told_before_where_to_register(tmp_path, there, hint):
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_bytes(b"PK")
    with pytest.raises(BodyFilesMissing) as caught:
        load_body.__wrapped__(BodyConfig(folder=tmp_path))
    told = str(caught.value)
    assert there in told.split("Found:")[1].splitlines()[0]
    assert told.index("Looked for") < told.index("Found") < told.index(hint) < told.index("register at")


def test_a_name_that_a_terminal_would_obey_is_spelt_out(tmp_path):
    (tmp_path / "SMPLX_NEUTRAL\x1b[2J.npz").touch()
    with pytest.raises(BodyFilesMissing, match=r"SMPLX_NEUTRAL\\x1b\[2J") as caught:
        load_body.__wrapped__(BodyConfig(folder=tmp_path))
    assert "\x1b" not in str(caught.value)


def test_an_address_is_told_from_a_folder():
    with pytest.raises(BodyFilesMissing, match="not an address: copy the files there"):
        load_body.__wrapped__(BodyConfig(folder=Path("s3://bucket/smpl")).absolute())


@pytest.mark.parametrize("place", ["a" * 300, "x\0y"])
def test_a_place_of_which_nothing_can_be_asked_is_refused(place):
    with pytest.raises(BodyFilesMissing, match="cannot be read"):
        load_body.__wrapped__(BodyConfig(folder=Path(place)).absolute())


@pytest.mark.parametrize(
    ("vertices", "joints", "model"),
    [(6890, 52, "SMPL-H"), (10475, 55, "SMPL-X"), (778, 16, "MANO"), (6890, 24, "STAR")],
)
def test_a_model_with_another_mesh_is_called_by_its_name(tmp_path, vertices, joints, model):
    directions = 93 if model == "STAR" else 9 * (joints - 1)
    content = {"v_template": np.ones((vertices, 3)), "shapedirs": np.zeros((vertices, 3, 10), np.float16)}
    content |= {"posedirs": np.zeros((vertices, 3, directions), np.float16), "kintree_table": np.zeros((2, joints))}
    (tmp_path / "file").write_bytes(pickle.dumps(content))
    with pytest.raises(DamagedFile, match=f"a model of {model}, which does not fit"):
        read_body_arrays(tmp_path / "file")


def test_a_search_below_ends_after_so_many_entries_and_the_folder_named_is_read_whole(arrays, tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(5_001):
        (tmp_path / f"many/{number}.jpg").touch()
    with pytest.raises(BodyFilesMissing, match="ended after 5,000 entries: name a folder nearer"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path))
    np.savez(tmp_path / "many/SMPL_NEUTRAL.npz", **arrays)
    assert not load_body.__wrapped__(BodyConfig(folder=tmp_path / "many")).is_builtin


def test_a_link_in_a_circle_does_not_end_the_search(arrays, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "b")
    (tmp_path / "z").mkdir()
    np.savez(tmp_path / "z/SMPL_NEUTRAL.npz", **arrays)
    assert not load_body.__wrapped__(BodyConfig(folder=tmp_path)).is_builtin


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 247000000\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "a web page"),
        (b"", "empty"),
    ],
)
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path, content, kind):
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(content)
    with pytest.raises(DamagedFile, match=f"SMPL_NEUTRAL.pkl is {kind}"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path))


def test_an_archive_given_in_place_of_its_content_is_to_be_unpacked(arrays, tmp_path):
    with zipfile.ZipFile(tmp_path / "SMPL_python_v.1.1.0.zip", "w") as archive:
        archive.writestr("smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", b"1")
    with pytest.raises(DamagedFile, match="is a zip archive; unpack it"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path / "SMPL_python_v.1.1.0.zip"))


def test_a_pickle_whose_line_ends_were_changed_is_told_from_a_damaged_one(arrays, tmp_path):
    content = python2_pickle({"v_template": arrays["v_template"]}, 0)
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(content.replace(b"\n", b"\r\n"))
    with pytest.raises(DamagedFile, match="line ends were changed"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path))


def test_a_selection_of_a_selection_is_read(figure, arrays, tmp_path):
    inner = select(np.concatenate([arrays["shapedirs"]] * 2, 2), 12)
    outer = select(np.zeros((6890, 3, 12)), 10)
    outer.state["a"] = inner
    (tmp_path / "file").write_bytes(python2_pickle(arrays | {"shapedirs": outer}, 2))
    assert hash_of(tmp_path / "file") == figure.hash
