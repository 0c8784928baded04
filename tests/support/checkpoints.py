"""Tiny checkpoints of a few kB, made on the spot: a random BERT with a vocabulary of letters and digits."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from model.bundle import Bundle, Description, write_bundle
from schemas.taxonomy import Category, Taxonomy

TAXONOMY = Taxonomy(
    name="tiny",
    categories=(
        Category(name="non_toxic", severity=0, description="Nothing is wrong with it."),
        Category(name="insult", severity=2, description="Aimed at a player."),
        Category(name="threat", severity=4, description="Announces harm."),
        Category(name="spam", severity=1, description="Found by rules alone."),
    ),
)
LABELS = {"clean": "non_toxic", "flame": "insult", "threat": "threat"}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
WORDS = (
    *("gg", "wp", "nice", "go", "mid", "push", "well", "played", "noob", "idiot", "trash", "loser"),
    *("kill", "find", "shoot", "burn", "you", "the", "a", "is"),
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789!?.@'"


def tiny_vocabulary() -> dict[str, int]:
    """Return a WordPiece vocabulary of single characters and a few words."""
    pieces = [f"##{letter}" for letter in _LETTERS]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *pieces, *(w for w in WORDS if len(w) > 1)]
    return {token: number for number, token in enumerate(tokens)}


def tiny_tokenizer() -> Tokenizer:
    """Return a tokenizer over that vocabulary."""
    vocabulary = tiny_vocabulary()
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    return tokenizer


def tiny_config(labels: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Return the configuration of a two-layer BERT of width 32."""
    config: dict[str, Any] = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": 32,
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "intermediate_size": 64,
        "label2id": {label: number for number, label in enumerate(labels)},
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 40,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": len(tiny_vocabulary()),
    }
    return config | changes


def write_checkpoint(
    path: Path, labels: Sequence[str] = tuple(LABELS), seed: int = 7, spread: float = 0.3, **changes: Any
) -> Path:
    """Write a random checkpoint into ``path``: ``config.json``, ``model.safetensors``, ``tokenizer.json``."""
    path.mkdir(parents=True, exist_ok=True)
    config = tiny_config(labels, **changes)
    (path / "config.json").write_text(json.dumps(config))
    tiny_tokenizer().save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps(_TOKENIZER_CONFIG))
    save_file(random_weights(config, seed, spread), path / "model.safetensors")
    return path


def random_weights(config: Mapping[str, Any], seed: int, spread: float = 0.3) -> dict[str, torch.Tensor]:
    """Return random weights by their Hugging Face names, large enough that texts score differently."""
    generator = torch.Generator().manual_seed(seed)
    width, inner = config["hidden_size"], config["intermediate_size"]
    weights: dict[str, torch.Tensor] = {}

    def matrix(name: str, *shape: int) -> None:
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) * spread

    def dense(name: str, outputs: int, inputs: int) -> None:
        matrix(name, outputs, inputs)
        weights[f"{name}.bias"] = torch.randn(outputs, generator=generator) * 0.1

    def norm(name: str) -> None:
        weights[f"{name}.weight"] = torch.ones(width)
        weights[f"{name}.bias"] = torch.zeros(width)

    matrix("bert.embeddings.word_embeddings", config["vocab_size"], width)
    matrix("bert.embeddings.position_embeddings", config["max_position_embeddings"], width)
    matrix("bert.embeddings.token_type_embeddings", config["type_vocab_size"], width)
    norm("bert.embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            dense(f"{layer}.attention.self.{part}", width, width)
        dense(f"{layer}.attention.output.dense", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        dense(f"{layer}.intermediate.dense", inner, width)
        dense(f"{layer}.output.dense", width, inner)
        norm(f"{layer}.output.LayerNorm")
    dense("bert.pooler.dense", width, width)
    dense("classifier", len(config["id2label"]), width)
    return weights


def describe(**changes: Any) -> Description:
    """Return the description that fits ``write_checkpoint``."""
    document: dict[str, Any] = {"name": "tiny", "taxonomy": TAXONOMY, "labels": LABELS, "max_tokens": 32}
    return Description.model_validate(document | changes)


def tiny_bundle(path: Path, description: Description | None = None, **changes: Any) -> Bundle:
    """Write a random checkpoint and make a bundle of it."""
    description = description or describe()
    write_checkpoint(path, tuple(description.labels), **changes)
    return write_bundle(path, description)
