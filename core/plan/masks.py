"""Masks over atoms as text."""

from __future__ import annotations

import base64

import numpy as np

from core.plan.widths import Mask


def pack(removed: Mask) -> str:
    """Write a mask as text."""
    return base64.b64encode(np.packbits(removed).tobytes()).decode()


def unpack(text: str, atoms: int) -> Mask:
    """Read a mask, shape (atoms,)."""
    bits = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(bits, count=atoms).astype(bool)
