"""Keys of what we make: equal inputs, parameters and algorithm give the same key, anything else another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

ALGORITHM_VERSION = "1"
"""Raised whenever the same inputs would get other pixels or statistics."""


def content_key(kind: str, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return the hex sha256 that names one product.

    Args:
        kind: What it is: ``ndvi``, ``series``, ….
        inputs: What it is made of, identities and checksums; JSON values.
        parameters: How it is made; JSON values.
    """
    described = {
        "kind": kind,
        "inputs": dict(inputs),
        "parameters": dict(parameters),
        "algorithm": ALGORITHM_VERSION,
    }
    return hashlib.sha256(orjson.dumps(described, option=orjson.OPT_SORT_KEYS)).hexdigest()


def folder_name(product_id: str) -> str:
    """Return a product id as one segment of a storage key; two ids never give the same."""
    plain = re.sub(r"[^A-Za-z0-9._=+-]", "_", product_id)[:150]
    if plain == product_id and re.match(r"[A-Za-z0-9_]", plain):
        return plain
    return f"p{plain}-{hashlib.sha256(product_id.encode()).hexdigest()[:12]}"
