"""Networks other than plain BERT: built by transformers from the vetted configuration, trained whole or by adapters."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from model.bundle import Bundle, Description, load_bundle, write_bundle
from model.checkpoint import known_only, save_bundle
from model.torch_classifier import TorchClassifier
from model.training.base import load_base
from model.training.calibrate import softmax
from model.training.data import Columns, Labelled, read_own, split_own
from model.training.heads import known_by
from model.training.labels import Target
from model.training.outputs import outputs_for
from model.training.settings import Lora, TrainingSettings
from model.training.train import Trained, predict, train
from tests.support.checkpoints import (
    LABELS,
    TAXONOMY,
    describe,
    tiny_tokenizer,
    tiny_vocabulary,
    write_checkpoint,
)
from tests.support.labelled import lines, write_table

# Importing DeBERTa in transformers calls torch.jit.script, which newer torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")

TEXTS = ["gg wp", "you noob", "kill him", "a", "go go go push mid now", "x" * 300]

SMALL: dict[str, dict[str, object]] = {
    "roberta": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48},
    "electra": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "modernbert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "deberta-v2": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "llama": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
    },
}


def checkpoint(folder: Path, kind: str) -> Path:
    """Write a random checkpoint of a kind, with the tiny tokenizer."""
    write_checkpoint(folder)
    names = dict(enumerate(LABELS))
    torch.manual_seed(5)
    tokens = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    if kind != "modernbert":
        del tokens["cls_token_id"], tokens["sep_token_id"]
    settings = {"vocab_size": len(tiny_vocabulary()), "max_position_embeddings": 40, "initializer_range": 0.4}
    config = AutoConfig.for_model(
        kind, **SMALL[kind], **settings, **tokens, id2label=names, label2id={v: k for k, v in names.items()}
    )
    model = AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(known_only(json.loads(path.read_text()))))
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("kind", SMALL)
def test_a_bundle_of_any_kind_scores_a_text_alone_as_among_others(tmp_path: Path, kind: str) -> None:
    folder = checkpoint(tmp_path / kind, kind)
    classifier = TorchClassifier(write_bundle(folder, describe()), "cpu")
    together = classifier(TEXTS)
    assert [classifier([text])[0] for text in TEXTS] == together
    assert len(set(together)) > len(TEXTS) / 2


@pytest.mark.parametrize("kind", SMALL)
def test_it_computes_what_transformers_computes(tmp_path: Path, kind: str) -> None:
    folder = checkpoint(tmp_path / kind, kind)
    classifier = TorchClassifier(write_bundle(folder, describe()), "cpu")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for text in TEXTS[:5]:
        ids = torch.tensor([tiny_tokenizer().encode(text).ids])
        with torch.inference_mode():
            expected = model(input_ids=ids).logits.softmax(-1)[0].tolist()
        assert classifier([text])[0][:3] == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("kind", SMALL)
def test_a_head_of_any_kind_is_gone_on_from(tmp_path: Path, kind: str) -> None:
    bundle = write_bundle(checkpoint(tmp_path / kind, kind), describe(temperature=0.8))
    known = known_by(str(bundle.path))
    outputs = outputs_for([Target((0,), 1.0)], TAXONOMY, known)
    model, tokenizer = load_base(TrainingSettings(base=str(bundle.path)), outputs, known)
    shares = softmax(predict(Trained(model, tokenizer, outputs, known, np.zeros((0, 3)), []), TEXTS[:5], 32))
    for found, expected in zip(shares.tolist(), TorchClassifier(bundle, "cpu")(TEXTS[:5]), strict=True):
        assert found == pytest.approx(expected[:3], abs=0.01)


@pytest.fixture
def studio(tmp_path: Path) -> tuple[Labelled, Labelled]:
    own = read_own(write_table(tmp_path / "own.csv", lines(300)), Columns(), TAXONOMY)
    sides = split_own(own, dev=0.2, test=0.1, seed=7)
    return sides.train, sides.dev


@pytest.mark.parametrize("kind", ["llama", "roberta"])
def test_adapters_learn_and_are_merged_into_the_bundle(
    tmp_path: Path, studio: tuple[Labelled, Labelled], kind: str
) -> None:
    settings = TrainingSettings(
        base=str(checkpoint(tmp_path / "base", kind)),
        epochs=4,
        learning_rate=1e-2,
        max_tokens=32,
        lora=None if kind == "llama" else Lora(rank=4),
        disguised=0,
    )
    trained = train(settings, TAXONOMY, *studio)
    measured = [entry["eval_loss"] for entry in trained.history if "eval_loss" in entry]
    assert min(measured) < measured[0]
    bundle = save_bundle(trained.model, trained.tokenizer, tmp_path / "bundle", described(trained.outputs.names))
    assert not any("lora" in name for name in weight_names(bundle))
    scores = TorchClassifier(bundle, "cpu")(TEXTS[:4])
    expected = torch.tensor(predict(trained, TEXTS[:4], 32)).softmax(-1).tolist()
    for found, shares in zip(scores, expected, strict=True):
        assert found[:3] == pytest.approx(shares, abs=0.02)


def described(names: tuple[str, ...]) -> Description:
    return describe(labels={name: name for name in names})


def weight_names(bundle: Bundle) -> list[str]:
    raw = load_bundle(bundle.path).read("model.safetensors")
    header: dict[str, object] = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return list(header)
