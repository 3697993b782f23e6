"""Random numbers for latents that are a function of (seed, index) alone, whatever else is drawn.

Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011) is a keyed bijection of a counter.
Here the key is the seed and the counter is (index, block): there is no state to be out of step with. It is written out
rather than taken from a library, so that no release of one can change the images of an old job.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vae_core.errors import InvalidValue

MAX_SEED = 2**64 - 1
MAX_INDEX = 2**63 - 1
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10


def philox_words(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10 of each counter.

    counter: uint64 (..., 4), each a 32-bit word. key: two 32-bit words. Returns the same shape, 32-bit words in uint64.
    """
    c0, c1, c2, c3 = (counter[..., word] for word in range(4))
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(_ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (second >> _SHIFT) ^ c1 ^ k0, second & _LOW, (first >> _SHIFT) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack((c0, c1, c2, c3), axis=-1)


def uniforms(seed: int, indices: Sequence[int], count: int) -> np.ndarray:
    """The first `count` numbers of the stream of each (seed, index): float64 in the open interval (0, 1), (B, count).

    seed: 0 to 2**64 - 1. indices: B numbers from 0 to 2**63 - 1. Each number has 53 random bits. Raises InvalidValue.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InvalidValue(f"seed {seed} is out of range: 0 to {MAX_SEED}")
    for number in indices:
        if not 0 <= number <= MAX_INDEX:
            raise InvalidValue(f"index {number} is out of range: 0 to {MAX_INDEX}")
    blocks = (count + 1) // 2  # a block of four words makes two numbers
    index = np.asarray(list(indices), dtype=np.uint64)[:, None]  # (B, 1)
    counter = np.zeros((len(indices), blocks, 4), dtype=np.uint64)
    counter[..., 0], counter[..., 1] = index & _LOW, index >> _SHIFT
    counter[..., 2] = np.arange(blocks, dtype=np.uint64)
    words = philox_words(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(len(indices), 2 * blocks, 2)
    bits = ((words[..., 0] << _SHIFT) | words[..., 1]) >> np.uint64(11)  # (B, 2 * blocks), 53 bits
    numbers: np.ndarray = (bits[:, :count].astype(np.float64) + 0.5) * 2.0**-53
    return numbers


def normals(seed: int, indices: Sequence[int], count: int, *, skip: int = 0) -> np.ndarray:
    """Standard normal numbers by Box and Muller (1958), float64 (B, count), from each stream after `skip` uniforms.

    Arguments and errors as for `uniforms`; skip is even, so that pairs stay pairs.
    """
    pairs = (count + 1) // 2
    flat = uniforms(seed, indices, skip + 2 * pairs)[:, skip:].reshape(len(indices), pairs, 2)
    radius = np.sqrt(-2.0 * np.log(flat[..., 0]))
    angle = 2.0 * np.pi * flat[..., 1]
    both = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)  # (B, pairs, 2)
    return both.reshape(len(indices), 2 * pairs)[:, :count]
