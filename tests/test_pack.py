"""Packed arrays come back equal, and nothing damaged comes back at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alogd.state.pack import PREFIX, pack, unpack

DTYPES = st.sampled_from(["?", "u1", "i1", "<u2", ">u2", "<i4", "<u8", ">i8", "<f4", "<f8"])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ARRAYS = st.dictionaries(st.text(max_size=12), DTYPES.flatmap(lambda d: hnp.arrays(d, SHAPES)), max_size=5)
SAMPLE = {"mean": np.arange(6, dtype=np.float64).reshape(2, 3), "on": np.array([True, False]), "n": np.array(7)}


@given(ARRAYS)
def test_round_trip(arrays):
    back = unpack(pack(arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == array.dtype.newbyteorder("<")
        np.testing.assert_array_equal(back[name], array)


def test_what_comes_back_is_writable_and_its_own():
    back = unpack(pack(SAMPLE))
    back["mean"][0, 0] = 99
    assert unpack(pack(SAMPLE))["mean"][0, 0] == 0


@pytest.mark.parametrize("bad", [np.array(["text"]), np.array([object()]), np.array([1j]), np.array(["2024"], "M8[s]")])
def test_only_plain_numbers_are_stored(bad):
    with pytest.raises(ValueError, match="not stored"):
        pack({"x": bad})


def test_every_cut_is_refused():
    data = pack(SAMPLE)
    for end in range(len(data)):
        with pytest.raises(ValueError):  # noqa: PT011 - any message will do, the type is the contract
            unpack(data[:end])


def test_every_flipped_bit_is_refused():
    data = pack(SAMPLE)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):  # noqa: PT011
            unpack(bytes(damaged))


@pytest.mark.parametrize(
    "header",
    [
        b'[["x","<f8",[-1]]]',
        b'[["x","<f8",[281474976710656]]]',
        b'[["x","<f8",[4294967296,4294967296,4294967296]]]',
        b'[["x","<f8",[1,1,1,1,1,1,1,1,1]]]',
        b'[["x","|O8",[1]]]',
        b'[["x","<f8",[2]]]',
        b'[["x","<f8",[1.5]]]',
        b'[["x","|u1",[4]],["x","|u1",[4]]]',
        b'[["x","|u1",[1]]]',
        b"[1,2]",
        b"\xff",
    ],
)
def test_a_header_with_a_true_checksum_is_still_checked(header):
    import zlib

    body = header + bytes(8)
    with pytest.raises(ValueError):  # noqa: PT011
        unpack(PREFIX.pack(b"ALOGARR1", len(header), zlib.crc32(body)) + body)
