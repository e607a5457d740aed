"""Counter-based random streams: (seed, stream name, index) → the same numbers on any machine.

A stream is a Philox generator whose key comes from the seed and the name and whose counter starts at the index.
Streams never overlap: the index sits in the counter's highest word, so each has 2**192 blocks of its own.
"""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Int64


def stream(seed: int, name: str, index: int = 0) -> np.random.Generator:
    """Return the random stream number `index` of the family `name` under `seed`.

    Args:
        seed: any integer from 0 to 2**63 - 1.
        name: what the numbers are for, such as "people"; other names are independent.
        index: which stream, such as a view number; not negative.
    """
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()
    key = np.frombuffer(digest, dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, index]))


def permutation(seed: int, name: str, index: int, count: int) -> Int64[np.ndarray, " count"]:
    """Return a permutation of 0…count−1, the same for the same (seed, name, index, count)."""
    return stream(seed, name, index).permutation(count).astype(np.int64)


def derived_seed(seed: int, name: str) -> int:
    """Return another seed in [0, 2**63), independent of `seed` for each name."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
