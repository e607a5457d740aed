"""Files that mean harm, or are badly damaged: refused by name, before they run, crash, hang or fill the memory."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import scipy.sparse
from official import Instance, ch, python2_pickle, select

from share_dist.body import BodyConfig, load_body, smpl_arrays
from share_dist.body.files import read_body_arrays
from share_dist.errors import BodyFilesMissing, DamagedFile, ShareDistError, UnsafePickle

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass", "ignore:Please import", "ignore:invalid escape")


MEGABYTE = 1 << 20


def refused(tmp_path, content, match, error=DamagedFile):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(content)
    with pytest.raises(error, match=match) as caught:
        read_body_arrays(path)
    assert str(path) in str(caught.value)


def asked_for(value: bytes) -> bytes:
    """A pickle of a dictionary in which the first array that a body needs is made by these opcodes."""
    return b"\x80\x02}U\nv_template" + value + b"s."


def named(module: str, name: str) -> bytes:
    return b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("copy_reg", "__newobj__"),
        ("copyreg", "_extension_registry"),
        ("_codecs", "decode"),
        ("collections", "defaultdict"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.matrixlib.defmatrix", "bmat"),
        ("scipy.sparse", "load_npz"),
        ("scipy.sparse.csc", "csc_matrix.__init__"),
        ("scipy.sparse.linalg", "csc_matrix"),
        ("chumpy.ch", "os.system"),
        ("chumpy.ch.os", "system"),
        ("chumpy_evil", "Ch"),
        ("share_dist.body.files", "read_body_arrays"),
    ],
)
def test_no_other_name_is_let_in(tmp_path, module, name):
    refused(tmp_path, asked_for(named(module, name)), f"asks for {module}.{name}", UnsafePickle)


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
DTYPE = b"cnumpy\ndtype\n(U\x02f8K\x00K\x01tR"
PLAIN = DTYPE + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
OBJECT = b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
WITH_FIELDS = DTYPE + b"(K\x03U\x01|N(U\x01at}U\x01a(" + OBJECT + b"K\x00tsK\x08K\x01K\x3ftb"
OF_SUBARRAYS = DTYPE + b"(K\x03U\x01|(" + OBJECT + b"K\x08\x85tNNK\x08K\x01K\x3ftb"


def an_array(dtype: bytes, shape: bytes, content: bytes) -> bytes:
    return NDARRAY + b"(K\x01" + shape + dtype + b"\x89U" + bytes([len(content)]) + content + b"tb"


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (b"c__builtin__\nset\n(]K\x01atR", "set in place of an array"),
        (b"c__builtin__\nset\n(" + b"]" * 50 + b"tR", "set in place of an array"),
        (b"c__builtin__\nobject\n)\x81}U\x07toarrayU\x01xsb", "object in place of an array"),
        (b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nset\n]tR", "_reconstructor with other"),
        (b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR", "ndarray in place of an array"),
        (b"c__builtin__\nbytearray\n(\x8a\x06" + (10**12).to_bytes(6, "little") + b"tR", "bytearray in place"),
        (b"cnumpy\nmatrix\n(U\x0b__import__(tR", "matrix in place of an array"),
        (b"ccollections\nOrderedDict\n(K\x01tR", "not iterable"),
        (b"cchumpy.ch\nCh\n(N}U\x07__new__K\x01stb", "a state for Name"),
        (b"cchumpy.ch\nCh\n)\x81}b}b", "a state for Made"),
        (b"U\x06system(U\x02lstR", "a call of bytes"),
        (an_array(PLAIN, b"J\xff\xff\xff\x7f\x85", b"12345678"), "shape"),
        (an_array(PLAIN, b"J\xff\xff\xff\xff\x85", b"12345678"), "shape"),
        (an_array(PLAIN, b"K\x02\x85", b"12345678"), "8 bytes for shape"),
        (an_array(WITH_FIELDS, b"K\x01\x85", b"12345678"), "a dtype that is not a plain number's"),
        (an_array(OF_SUBARRAYS, b"K\x01\x85", b"12345678"), "a dtype that is not a plain number's"),
        (an_array(OBJECT, b"K\x01\x85", b"12345678"), "of .O8"),
        (an_array(PLAIN.replace(b"f8", b"V8"), b"K\x01\x85", b"12345678"), "of <V8"),
        (
            NDARRAY + b"(K\x01K\x01\x85" + PLAIN + b"\x89c_codecs\nencode\n(X\x01\x00\x00\x00aU\x03hextRtb",
            "in place of",
        ),
        (b"P1\n", "no part of a pickle"),
        (b"\x82\x01", "no part of a pickle"),
        (b"\x97", "no part of a pickle"),
    ],
)
def test_what_an_allowed_name_is_misused_for_is_refused(tmp_path, value, match):
    refused(tmp_path, asked_for(value), match)


def csc(**state):
    sound = {"_shape": (3, 3), "data": np.ones(3), "indices": np.arange(3), "indptr": np.arange(4)}
    return Instance("scipy.sparse.csc", "csc_matrix", sound | state)


def coo(**state):
    sound = {"_shape": (3, 3), "data": np.ones(2), "row": np.arange(2), "col": np.arange(2)}
    return Instance("scipy.sparse.coo", "coo_matrix", sound | state)


@pytest.mark.parametrize(
    "matrix",
    [
        csc(indices=np.array([0, 1, 10**9])),
        csc(indices=np.array([0, 1, -1])),
        csc(indices=np.array([0.0, 1.0, np.nan])),
        csc(indptr=np.array([0, 1, 2, 10**6])),
        csc(indptr=np.array([0, 3, 1, 3])),
        csc(indptr=np.array([0, 1])),
        csc(data=np.ones(2)),
        csc(data=csc()),
        csc(_shape=(10**9, 10**9)),
        csc(_shape=(3, -3)),
        coo(row=np.array([0, 3])),
        coo(col=np.array([0, -4])),
        coo(coords=[np.arange(2)]),
        Instance("scipy.sparse.csr", "csr_matrix", {}),
        Instance("scipy.sparse.coo", "coo_matrix", {"_shape": (1, 1), "data": np.ones(1)}),
    ],
)
def test_a_sparse_matrix_whose_parts_do_not_fit_is_named_and_touches_no_memory(tmp_path, matrix):
    refused(tmp_path, python2_pickle({"v_template": matrix}, 2), "'v_template'")


def test_a_chumpy_array_that_lies_in_itself_ends(tmp_path):
    for name, key in ((b"Ch", b"x"), (b"Select", b"a"), (b"Select", b"idxs"), (b"Reshape", b"a"), (b"transpose", b"a")):
        other = b"U\x01a]K\x00asU\x04idxs]K\x00asU\x08newshape]K\x01as"
        around = b"cchumpy.ch\n" + name + b"\n)\x81q\x00}" + other + b"U" + bytes([len(key)]) + key + b"h\x00sb"
        refused(tmp_path, asked_for(around), "'v_template'")


DOUBLED = b")" + b"2\x86" * 64
"""An empty tuple in a pair with itself, and so on: 2^64 tuples when it is written out or compared."""


@pytest.mark.parametrize(
    "value",
    [
        DOUBLED,
        an_array(PLAIN, DOUBLED, b"12345678"),
        an_array(DTYPE + b"(K\x03U\x01<" + DOUBLED + b"NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", b"K\x01\x85", b""),
        b"cscipy.sparse\ncsc_matrix\n)\x81}U\x06_shape" + DOUBLED + b"sb",
        b"cchumpy.reordering\nReshape\n)\x81}U\x01a]K\x00asU\x08newshape" + DOUBLED + b"sb",
        b"ccopy_reg\n_reconstructor\n" + DOUBLED + b"R",
    ],
)
def test_what_doubles_again_and_again_is_not_written_out(tmp_path, value):
    refused(tmp_path, asked_for(value), "SMPL_NEUTRAL")


def test_the_message_is_short_however_long_a_name_is(tmp_path):
    long = b"X" + struct.pack("<I", MEGABYTE) + b"a" * MEGABYTE
    refused(tmp_path, asked_for(long + long + b"\x93"), r"asks for a{100}\.a{100},", UnsafePickle)
    dtype = DTYPE.replace(b"U\x02f8", long) + PLAIN[len(DTYPE) :]
    refused(tmp_path, asked_for(an_array(dtype, b")", b"")), r"of <a{7}\n")


@pytest.mark.parametrize("places", [np.array([0, 10**9]), np.array([-1, 0]), np.array([0.0, 1.0]), ch(np.arange(2))])
def test_a_selection_outside_its_array_is_named(tmp_path, places):
    expression = select(np.zeros((2, 2)), 1)
    expression.state["idxs"] = places
    refused(tmp_path, python2_pickle({"v_template": expression}, 2), "'v_template'")


def test_bytes_changed_anywhere_in_a_small_file_are_refused_and_nothing_else_happens(tmp_path):
    rng = np.random.default_rng(0)
    content = {"v_template": ch(np.ones(3)), "J_regressor": csc(), "weights": select(np.ones((2, 3)), 2), "f": [1, 2]}
    path = tmp_path / "file"
    for protocol in (0, 2):
        sound = python2_pickle(content, protocol)
        for _ in range(150):
            changed = np.frombuffer(sound, np.uint8).copy()
            changed[rng.integers(0, len(changed), rng.integers(1, 5))] = rng.integers(0, 256)
            path.write_bytes(changed[: rng.integers(1, len(changed) + 1)].tobytes())
            with pytest.raises(ShareDistError):
                read_body_arrays(path)


def npy(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def plain_header(code: str, shape: str) -> str:
    return f"{{'descr': '{code}', 'fortran_order': False, 'shape': ({shape}), }}\n"


@pytest.mark.parametrize(
    ("member", "match"),
    [
        (npy(plain_header("<f8", "1000000000000,")), "shape"),
        (npy(plain_header("<f8", "9" * 9000)), "4300 digits"),
        (npy(plain_header("<f8", "1, " * 3000)), "shape"),
        (npy(plain_header("<f8", "6890, 3"), b"short"), "ends in the middle"),
        (npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }\n", b"12345678"), "an array of"),
        (npy("(" * 9000), "an array of"),
        (npy("x" * 20_000), "a header of"),
        (npy(plain_header("|O", "1,"), b"\x80\x02cos\nsystem\n."), "asks for os.system"),
        (b"\x93NUMPY\x09\x00", "not in NumPy's format"),
    ],
)
def test_an_npz_whose_header_means_harm_is_refused(tmp_path, member, match):
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("v_template.npy", member)
    with pytest.raises(ShareDistError, match=match):
        read_body_arrays(tmp_path / "file.npz")


def test_a_pipe_a_device_and_a_huge_file_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "SMPL_NEUTRAL.pkl")
    with pytest.raises(DamagedFile, match="named pipe"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path / "SMPL_NEUTRAL.pkl"))
    with pytest.raises(BodyFilesMissing, match=r"SMPL_NEUTRAL\.pkl"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path))
    with pytest.raises(DamagedFile, match="a device"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path.__class__("/dev/zero")))
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DamagedFile, match="has 1,000,000,000,000 bytes"):
        load_body.__wrapped__(BodyConfig(folder=tmp_path / "huge"))


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("v_template", lambda a: np.where(a > 0.5, 1e308, a.astype(np.float64)), "numbers from -1.18698 to 1e\\+308"),
        ("v_template", lambda a: a * 100, "numbers from -118"),
        ("v_template", lambda a: a * 0, "a body 0 m high"),
        ("posedirs", lambda a: np.where(a == a.max(), np.inf, a), "1 values that are NaN or infinite"),
        ("shapedirs", lambda a: a * np.float64(1e300), "numbers from -4"),
        ("weights", lambda a: a * 0, "rows that add up to 0 to 0"),
        ("weights", lambda a: np.where(np.arange(6890)[:, None] == 7, 0, a), "rows that add up to 0 to 1"),
        ("weights", lambda a: -a, "rows that add up to -1 to -1"),
        ("J_regressor", lambda a: a * 0, "rows that add up to 0 to 0"),
        ("f", lambda a: a + 0.5, "numbers that are not whole"),
        ("f", lambda a: np.where(a == 0, np.nan, a), "numbers that are not whole"),
        ("f", lambda a: a.astype(np.int64) + 2**32, "to 4294974185"),
        ("kintree_table", lambda a: a.astype(np.float64) + 1e308, "numbers that are not whole"),
        ("kintree_table", lambda a: a + 2**32, "parents"),
    ],
)
def test_numbers_that_no_body_has_are_refused_by_name(figure, tmp_path, name, change, found):
    arrays = smpl_arrays(figure)
    arrays[name] = change(arrays[name])
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(DamagedFile, match=found) as caught:
        read_body_arrays(tmp_path / "file.npz")
    assert f"'{name}'" in str(caught.value)


MOST_MEMORY = 1_000_000_000
READER = """
import json, sys, time
from pathlib import Path
from share_dist.body.files import read_body_arrays
from share_dist.errors import ShareDistError
for line in sys.stdin:
    started = time.process_time()
    try:
        read_body_arrays(Path(line.strip()))
        said = "read"
    except ShareDistError as error:
        said = f"{type(error).__name__}: {error}"
    # Not ru_maxrss, which begins with what the process had that started this one.
    status = dict(line.split(":", 1) for line in open("/proc/self/status", encoding="utf-8"))
    most_memory = int(status["VmHWM"].split()[0]) * 1024
    print(json.dumps([said, most_memory, time.process_time() - started]), flush=True)
"""


@pytest.fixture(scope="module")
def measured():
    """Says of one file after another, in a process of their own, what is said of it and what it costs.

    The memory is the most that the process ever had, with its libraries (0.2 GB); the time is CPU seconds.
    """
    with subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def read(path):
            process.stdin.write(f"{path}\n".encode())
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield read
        process.stdin.close()


def long_file(path, start, fill, size, end=b""):
    with path.open("wb") as file:
        file.write(start)
        while size > 0:
            file.write(fill[:size])
            size -= len(fill)
        file.write(end)


PAIRS = b"](K\x01K\x02\x86q\x01" + b"h\x01" * 90_000 + b"e\x85q\x00ccollections\nOrderedDict\nq\x02"
LONG_KEYS = b"".join(b"X\0\0\0\1" + b"a" * (16 << 20) + b"q" + number for number in (b"\0", b"\1")) + b"}h\0Ns"

FLOODS = {
    "the same pairs again": (b"\x80\x02" + PAIRS, b"h\x02h\x00R0", 600_000, b"."),
    "two long keys again": (b"\x80\x02" + LONG_KEYS, b"h\x01Ns", 450_000, b"."),
    "memo": (b"\x80\x02}r\xff\xff\xff\xff" + b"p99999999999\n" + b".", b"", 0, b""),
    "declared bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**62), b"", 0, b""),
    "declared text": (b"\x80\x04\x8d" + struct.pack("<Q", 2**33), b"", 0, b""),
    "declared array": (b"\x80\x05\x96" + struct.pack("<Q", 208 << 20), b"", 0, b""),
    "number": (b"\x80\x02\x8b\xff\xff\xff\x07", b"\x01" * MEGABYTE, 128 << 20, b"."),
    "digits": (b"L", b"9" * MEGABYTE, 4 << 20, b"L\n."),
    "lists": (b"", b"]" * MEGABYTE, 8 << 20, b"."),
    "nested lists": (b"\x80\x02]", b"]a]" * MEGABYTE, 3 << 20, b"."),
    "marks": (b"", b"(" * MEGABYTE, 8 << 20, b"."),
    "sets": (b"\x80\x04", b"\x8f" * MEGABYTE, 8 << 20, b"."),
    "copies": (b"N", b"2" * MEGABYTE, 8 << 20, b"."),
    "deep key": (b"\x80\x02})", b"\x85" * MEGABYTE, 400_000, b"Ns."),
    "unquoted": (b"S'", b"a" * MEGABYTE, 300 << 20, b"'\n."),
    "strings": (b"(l", b"S'" + b"a" * (MEGABYTE - 5) + b"'\na", 300 << 20, b"S'" + b"a" * (206 << 20) + b"'\n."),
    "wide text": (b"X" + struct.pack("<I", (200 << 20) + 4) + "\U0001f600".encode(), b"a" * MEGABYTE, 200 << 20, b"."),
    "wide texts": (b"(", b"X\0\x01\x10\0" + "\U0001f600".encode() + b"a" * (MEGABYTE + 252), 400 << 20, b"l."),
    "wide line": (b"V\\U0001F600", b"a" * MEGABYTE, 200 << 20, b"\n."),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_refused_within_a_gigabyte_and_seconds(measured, tmp_path, kind):
    long_file(tmp_path / "file", *FLOODS[kind])
    said, most_memory, seconds = measured(tmp_path / "file")
    (tmp_path / "file").unlink()
    assert said.startswith("DamagedFile")
    assert most_memory < MOST_MEMORY
    assert seconds < 20


def deflated(path):
    """Eight hundred megabytes of zeros in less than one."""
    repeated(path, zipfile.ZIP_DEFLATED, ["v_template"], npy(plain_header("<f8", "100000000,")), 800)


def pickled_deflated(path):
    start = npy(plain_header("|O", "1,")) + b"\x80\x02B" + struct.pack("<I", 200 << 20)
    repeated(path, zipfile.ZIP_DEFLATED, ["v_template", "weights", "posedirs"], start, 200)


def by_bzip2(path):
    repeated(path, zipfile.ZIP_BZIP2, ["v_template"], npy(plain_header("<f8", "6890, 3")), 200)


def repeated(path, compression, names, start, megabytes):
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(start)
                for _ in range(megabytes):
                    member.write(bytes(MEGABYTE))


def with_many_members(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40_000):
            archive.writestr(f"{number}.npy", b"")


@pytest.mark.slow
@pytest.mark.parametrize("make", [deflated, pickled_deflated, by_bzip2, with_many_members])
def test_an_archive_that_unpacks_to_much_is_refused_within_a_gigabyte(measured, tmp_path, make):
    make(tmp_path / "file.npz")
    said, most_memory, seconds = measured(tmp_path / "file.npz")
    (tmp_path / "file.npz").unlink()
    assert said.startswith("DamagedFile")
    assert most_memory < MOST_MEMORY
    assert seconds < 20


def test_a_regressor_that_crashed_the_process_is_refused(figure, tmp_path):
    """SciPy's own reader trusts these indices, and ended in a segmentation fault."""
    regressor = scipy.sparse.csc_matrix(figure.joint_regressor)
    regressor.indices[5] = 2**30
    (tmp_path / "file").write_bytes(pickle.dumps(smpl_arrays(figure) | {"J_regressor": regressor}))
    with pytest.raises(DamagedFile, match="'J_regressor'"):
        read_body_arrays(tmp_path / "file")
