"""What an image viewer shows is what is used: turned, flattened, of any depth and colour space; bombs are refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from share_dist.scene.decoding import decoded
from share_dist.scene.reading import NotShown

SIZE = (64, 48)
RED = (255, 0, 0)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def shown(content: bytes) -> Image.Image:
    return decoded(io.BytesIO(content)).picture


def colour(content: bytes) -> tuple[int, ...]:
    """The one colour of a picture that has only one."""
    (found,) = shown(content).getcolors()
    return found[1]


def refusal(content: bytes) -> str:
    with pytest.raises(NotShown) as refused:
        decoded(io.BytesIO(content))
    return str(refused.value)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(depth: int, kind: int, pixel: bytes, *more: bytes, size=SIZE, pixels: int = 1) -> bytes:
    """A PNG of one colour, of depths that Pillow does not write."""
    head = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    rows = zlib.compress((b"\0" + pixel * (size[0] // pixels)) * size[1])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tiff(order: str, bits: int, pixel: bytes, photometric: int, tile: int = 0, pixels: int = 1) -> bytes:
    """A TIFF of one colour, in either order of bytes; with `tile`, one that promises tiles of that side."""
    end, channels = "<" if order == "II" else ">", len(pixel) * 8 // bits // pixels
    data = pixel * (SIZE[0] * SIZE[1] // pixels)
    tags = [(256, SIZE[0]), (257, SIZE[1]), (258, bits), (259, 1), (262, photometric), (277, channels)]
    tags += (
        [(322, tile), (323, tile), (324, 8), (325, len(data))] if tile else [(273, 8), (278, SIZE[1]), (279, len(data))]
    )
    body = b"".join(struct.pack(f"{end}HHII", tag, 4, 1, value) for tag, value in sorted(tags) if tag != 258)
    more = struct.pack(f"{end}{channels}H", *[bits] * channels)
    at = 8 + len(data) + 2 + 12 * len(tags) + 4
    depth = struct.pack(f"{end}HHI", 258, 3, channels) + (
        more.ljust(4, b"\0") if channels < 3 else struct.pack(f"{end}I", at)
    )
    body = body[:24] + depth + body[24:]
    head = order.encode() + struct.pack(f"{end}HI", 42, 8 + len(data))
    return head + data + struct.pack(f"{end}H", len(tags)) + body + bytes(4) + more


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_the_camera_was_held(kind, orientation):
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:], pixels[24:, :32] = RED, (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(pixels), kind, exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert shown(content).size == (SIZE if orientation < 5 else SIZE[::-1])
    assert shown(content).tobytes() == wanted.tobytes()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_turns_nothing():
    content = saved(Image.new("RGB", SIZE, RED), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff junk")
    assert colour(content) == RED


GREY16 = struct.pack(">H", 30_000)


@pytest.mark.parametrize(
    "content",
    [
        png(16, 0, GREY16),
        png(16, 4, GREY16 + b"\xff\xff"),
        tiff("II", 16, GREY16[::-1], 1),
        tiff("MM", 16, GREY16, 1),
        saved(Image.fromarray(np.full((48, 64), 30_000, np.int32)), "TIFF"),
        saved(Image.fromarray(np.full((48, 64), 30_000 / 65_535, np.float32)), "TIFF"),
        b"P5 64 48 65535\n" + GREY16 * 64 * 48,
        tiff("II", 16, struct.pack("<H", 65_535 - 30_000), 0),
        tiff("II", 12, b"\x75\x37\x53", 1, pixels=2),
        tiff("II", 32, struct.pack("<I", 30_000 << 16), 1),
    ],
    ids=[
        *("png", "png-alpha", "tiff-little", "tiff-big", "tiff-32", "tiff-float", "pgm"),
        *("tiff-negative", "tiff-12", "tiff-unsigned"),
    ],
)
def test_grey_of_16_bits_and_more_keeps_its_brightness(content):
    assert colour(content) == pytest.approx((117, 117, 117), abs=1)


RGB16 = (50_000, 30_000, 1_000)


@pytest.mark.parametrize(
    "content",
    [
        png(16, 2, struct.pack(">HHH", *RGB16)),
        png(16, 6, struct.pack(">HHHH", *RGB16, 65_535)),
        tiff("II", 16, struct.pack("<HHH", *RGB16), 2),
        tiff("MM", 16, struct.pack(">HHH", *RGB16), 2),
    ],
    ids=["png", "png-alpha", "tiff-little", "tiff-big"],
)
def test_colours_of_16_bits_keep_their_values(content):
    assert colour(content) == pytest.approx([value / 257 for value in RGB16], abs=1)


def test_what_is_no_number_in_a_tiff_of_floats_is_black():
    values = np.full((48, 64), 0.5, np.float32)
    values[:, 0] = np.nan
    picture = shown(saved(Image.fromarray(values), "TIFF"))
    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert picture.getpixel((9, 9)) == (128, 128, 128)


def palette(*colours) -> Image.Image:
    image = Image.new("P", SIZE, 1)
    image.putpalette([channel for each in colours for channel in each])
    return image


@pytest.mark.parametrize(
    "content",
    [
        saved(Image.new("RGBA", SIZE, (*RED, 0)), "PNG"),
        saved(Image.new("RGBA", SIZE, (*RED, 0)), "WEBP", lossless=True, exact=True),
        saved(Image.new("RGBA", SIZE, (*RED, 0)), "TIFF"),
        saved(Image.new("RGBA", SIZE, (*RED, 0)), "AVIF"),
        saved(Image.new("LA", SIZE, (10, 0)), "PNG"),
        saved(palette((0, 0, 0), RED), "PNG", transparency=1),
        saved(palette((0, 0, 0), RED), "PNG", transparency=b"\xff\x00"),
        saved(palette((0, 0, 0), RED), "GIF", transparency=1),
        saved(Image.new("RGB", SIZE, RED), "PNG", transparency=RED),
        saved(Image.new("L", SIZE, 9), "PNG", transparency=9),
        png(16, 0, GREY16, chunk(b"tRNS", GREY16)),
        png(4, 0, b"\x77", chunk(b"tRNS", b"\0\x07"), pixels=2),
        png(2, 0, b"\x55", chunk(b"tRNS", b"\0\x01"), pixels=4),
        png(16, 2, b"\0\0\0\0\0\xc8", chunk(b"tRNS", b"\0\0\0\0\0\xc8")),
        png(16, 2, struct.pack(">HHH", *RGB16), chunk(b"tRNS", struct.pack(">HHH", *RGB16))),
    ],
)
def test_the_colour_behind_full_transparency_never_shows(content):
    assert colour(content) == (255, 255, 255)


def test_long_texts_beside_the_pixels_refuse_no_picture():
    """Editors write their history there."""
    assert colour(png(8, 2, b"\1\2\3", chunk(b"zTXt", b"history\0\0" + zlib.compress(bytes(3 << 20))))) == (1, 2, 3)


def test_half_transparency_is_mixed_with_white():
    assert colour(saved(Image.new("RGBA", SIZE, (*RED, 128)), "PNG")) == pytest.approx((255, 127, 127), abs=1)
    halves = palette((0, 0, 0), RED)
    assert colour(saved(halves, "PNG", transparency=b"\xff\x80")) == pytest.approx((255, 127, 127), abs=1)


@pytest.mark.parametrize(
    "image",
    [
        palette((0, 0, 0), RED),
        Image.new("1", SIZE, 1),
        Image.new("RGBA", SIZE, (1, 2, 3, 255)),
        Image.new("L", SIZE, 7),
    ],
    ids=["palette", "1-bit", "opaque", "grey"],
)
def test_what_needs_no_change_keeps_its_colours(image):
    assert colour(saved(image, "PNG")) == image.convert("RGB").getpixel((0, 0))


def test_ink_becomes_light():
    red = Image.new("CMYK", SIZE, (0, 255, 255, 0))
    assert colour(saved(red, "TIFF")) == RED
    assert colour(saved(red, "JPEG")) == pytest.approx(RED, abs=2)


def profile(swapped: bool = False) -> bytes:
    """The profile of sRGB; swapped, one whose red is sRGB's green."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if swapped:
        content = content.replace(b"rXYZ", b"....", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"....", b"gXYZ", 1)
    return content


def test_a_colour_profile_is_applied_where_it_is_not_srgb_and_ignored_where_it_is_damaged():
    given = Image.new("RGB", SIZE, (200, 50, 20))
    assert colour(saved(given, "PNG", icc_profile=profile())) == (200, 50, 20)
    assert colour(saved(given, "PNG", icc_profile=profile(swapped=True))) == pytest.approx((50, 200, 20), abs=1)
    assert colour(saved(given, "PNG", icc_profile=b"junk" * 40)) == (200, 50, 20)
    # Of other colours than the picture's.
    assert colour(saved(Image.new("CMYK", SIZE, (0, 255, 255, 0)), "TIFF", icc_profile=profile())) == RED


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "MPO", "TIFF"])
def test_of_several_frames_the_first_is_shown(kind):
    frames = [Image.new("RGB", SIZE, name) for name in ("red", "blue")]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert colour(content) == pytest.approx(RED, abs=2)


def test_large_pictures_are_shrunk_by_whole_pixels_and_small_ones_not_at_all():
    noise = Image.effect_noise((2300, 1700), 60).convert("RGB")
    assert shown(saved(noise, "PNG", compress_level=1)).tobytes() == noise.reduce(3).tobytes()
    small = noise.crop((0, 0, 1023, 640))
    assert shown(saved(small, "PNG")).tobytes() == small.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP"])
def test_a_file_that_was_cut_short_is_refused_whatever_its_kind(kind):
    content = saved(Image.effect_noise((320, 240), 50).convert("RGB"), kind)
    assert "cannot be read" in refusal(content[: len(content) // 2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n", "PostScript"),
        (b"<!DOCTYPE html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"holiday", "no picture"),
        (saved(Image.new("RGB", SIZE), "JPEG")[:-2] + b"\xff" * (1 << 18), "only fill"),
        (b"P6 #" + b"#" * 3_000_000, "beside its pixels"),
    ],
)
def test_what_a_file_is_instead_or_is_full_of_is_said(content, words):
    assert words in refusal(content)


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused():
    content = saved(Image.new("RGB", SIZE), "JPEG", progressive=True)
    at = content.rindex(b"\xff\xda")
    assert "scans" in refusal(content[:at] + content[at:-2] * 1000 + content[-2:])


BOMBS = {
    "png": lambda: png(1, 0, b"\0", size=(1, 1)).replace(struct.pack(">II", 1, 1), struct.pack(">II", 13_000, 13_000)),
    "gif": lambda: b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(40),
    "webp": lambda: saved(Image.new("RGB", (7_000, 7_000)), "WEBP", lossless=True, method=0),
    "ink": lambda: saved(Image.new("CMYK", SIZE), "JPEG").replace(
        struct.pack(">HH", *SIZE[::-1]), struct.pack(">HH", 9_000, 9_000)
    ),
    "tiles": lambda: tiff("II", 8, b"\1\2\3", 2, tile=30_000),
    "ppm": lambda: b"P6 100000 100000 255\n",
}


@pytest.mark.slow
def test_small_files_that_expand_are_refused_before_they_take_memory(tmp_path):
    for name, make in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    code = (
        "import sys\nfrom share_dist.scene.decoding import decoded\nfrom share_dist.scene.reading import NotShown\n"
        # Not ru_maxrss, which begins with the peak of the process that started this one, and would hide any growth.
        "def peak_kb():\n"
        "    lines = open('/proc/self/status', encoding='utf-8')\n"
        "    return int(dict(line.split(':', 1) for line in lines)['VmHWM'].split()[0])\n"
        "before = peak_kb()\n"
        "for name in sys.argv[1:]:\n"
        "    try: decoded(open(name, 'rb'))\n"
        "    except NotShown as error: print(name, error)\n"
        "    else: sys.exit(name + ' was accepted')\n"
        "print((peak_kb() - before) // 1024)"
    )
    files = [str(tmp_path / name) for name in BOMBS]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 300
