"""What counts as the same prompt: the same path and the same body."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def prompt_hash(path: str, body: dict[str, Any]) -> str:
    return hashlib.sha256(path.encode() + json.dumps(body, sort_keys=True).encode()).hexdigest()
