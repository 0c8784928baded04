"""What a base knows of our categories is not thrown away: training starts from its own scores."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from model.bundle import Bundle, load_bundle, write_bundle
from model.torch_classifier import TorchClassifier
from model.training.base import load_base
from model.training.calibrate import softmax
from model.training.heads import known_by
from model.training.labels import Target
from model.training.outputs import NOTHING, Known, Outputs, outputs_for
from model.training.settings import TrainingSettings
from model.training.train import Trained, predict
from model.vetting import CONFIG
from schemas.taxonomy import Category, Taxonomy
from tests.support.checkpoints import TAXONOMY, describe, tiny_bundle, write_checkpoint

TEXTS = ["gg wp", "you noob", "kill the mid", "burn"]
LABELS = {"clean": "non_toxic", "flame": "insult", "threat": "threat", "banter": "non_toxic"}
ALL = [Target((place,), 1.0) for place in range(3)]


def base(folder: Path) -> Bundle:
    """Write a bundle with two outputs for one category and a temperature."""
    return tiny_bundle(folder, describe(labels=LABELS, temperature=1.7))


def started(bundle: Bundle, outputs: Outputs) -> tuple[PreTrainedModel, Trained]:
    model, tokenizer = load_base(TrainingSettings(base=str(bundle.path)), outputs, known_by(str(bundle.path)))
    return model, Trained(model, tokenizer, outputs, NOTHING, softmax(torch.zeros(1, 1).double().numpy()), [])


def head(model: PreTrainedModel) -> nn.Linear:
    layer = model.get_submodule("classifier")
    assert isinstance(layer, nn.Linear)
    return layer.requires_grad_(requires_grad=False)


def test_before_any_training_a_network_scores_as_the_bundle_that_it_starts_from(tmp_path: Path) -> None:
    bundle = base(tmp_path / "base")
    outputs = outputs_for(ALL, TAXONOMY, known_by(str(bundle.path)))
    assert outputs.labels(TAXONOMY) == {
        "non_toxic": "non_toxic",
        "non_toxic, 2": "non_toxic",
        "insult": "insult",
        "threat": "threat",
    }
    _, trained = started(bundle, outputs)
    scores = outputs.spread(softmax(predict(trained, TEXTS, 32)), len(TAXONOMY.names))
    expected = TorchClassifier(bundle, "cpu")(TEXTS)
    for found, told in zip(scores.tolist(), expected, strict=True):
        assert found == pytest.approx(told, abs=1e-3)


def test_a_category_that_no_line_names_stays_if_the_base_knows_it(tmp_path: Path) -> None:
    bundle = base(tmp_path / "base")
    named = outputs_for([Target((0,), 1.0), Target((1,), 1.0)], TAXONOMY, known_by(str(bundle.path)))
    assert named.rows == (0, 3, 1, 2)
    assert named.names[-1] == "threat"
    assert outputs_for([Target((0,), 1.0), Target((1,), 1.0)], TAXONOMY).names == ("non_toxic", "insult")


TWO = Taxonomy(name="two", categories=(TAXONOMY.categories[0], Category(name="toxic", severity=2, description="Any.")))


def test_the_one_new_offence_starts_as_all_that_the_base_acts_on(tmp_path: Path) -> None:
    bundle = base(tmp_path / "base")
    outputs = outputs_for([Target((1,), 1.0)], TWO, known_by(str(bundle.path)))
    assert outputs.names == ("non_toxic", "non_toxic, 2", "toxic", "toxic, 2")
    assert outputs.rows == (0, 3, 1, 2)
    _, trained = started(bundle, outputs)
    scores = outputs.spread(softmax(predict(trained, TEXTS, 32)), 2)
    for found, told in zip(scores.tolist(), TorchClassifier(bundle, "cpu")(TEXTS), strict=True):
        assert found == pytest.approx([told[0], told[1] + told[2]], abs=1e-3)


def test_what_the_base_does_not_act_on_and_the_taxonomy_lacks_is_harmless(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "base", describe(labels=LABELS, thresholds={"insult": 0.7}))
    outputs = outputs_for([Target((1,), 1.0)], TWO, known_by(str(bundle.path)))
    assert outputs.labels(TWO) == dict.fromkeys(outputs.names[:3], "non_toxic") | {"toxic": "toxic"}
    assert outputs.rows == (0, 2, 3, 1), "a threat is not acted on"


def test_a_new_category_beside_known_ones_starts_at_the_middle_of_all(tmp_path: Path) -> None:
    bundle = base(tmp_path / "base")
    praise = Category(name="praise", severity=0, description="Kind.")
    rude = Category(name="rude", severity=2, description="Any.")
    four = Taxonomy(name="four", categories=(*TAXONOMY.categories[:2], praise, rude))
    known = known_by(str(bundle.path))
    outputs = outputs_for([Target((place,), 1.0) for place in (1, 2, 3)], four, known)
    assert outputs.rows == (0, 3, 1, None, None), "threats are not taken for praise or rudeness"
    old = head(load_base(TrainingSettings(base=str(bundle.path)), outputs_for(ALL, TAXONOMY, known), known)[0])
    new = head(started(bundle, outputs)[0])
    for place in (3, 4):
        assert torch.corrcoef(torch.stack([new.weight[place], old.weight.mean(0)]))[0, 1] > 0.9
        assert new.bias[place] == pytest.approx(old.bias.mean().item(), abs=1e-6)


def test_the_head_of_a_mere_checkpoint_is_not_trusted_even_if_its_size_fits(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    assert known_by(str(folder)) is NOTHING
    written = head(load_base(TrainingSettings(base=str(folder)), outputs_for(ALL, TAXONOMY))[0])
    again = head(load_base(TrainingSettings(base=str(folder)), outputs_for(ALL, TAXONOMY))[0])
    assert written.weight.shape == (3, 32)
    assert written.weight.std() < 0.03
    assert not torch.equal(written.weight, again.weight)


def test_a_bundle_of_categories_that_do_not_exclude_each_other_has_no_rows_to_go_on_from(tmp_path: Path) -> None:
    bundle = base(tmp_path / "base")
    config = json.loads((bundle.path / CONFIG).read_text())
    (bundle.path / CONFIG).write_text(json.dumps(config | {"problem_type": "multi_label_classification"}))
    write_bundle(bundle.path, describe(labels=LABELS))
    assert load_bundle(bundle.path).multi_label
    assert known_by(str(bundle.path)) is NOTHING


def test_outputs_of_one_category_add_up() -> None:
    outputs = outputs_for(ALL, TAXONOMY, Known(("insult", "non_toxic", "insult", "threat")))
    assert outputs.names == ("non_toxic", "insult", "insult, 2", "threat")
    assert outputs.rows == (1, 0, 2, 3)
    assert outputs.allowed(ALL).tolist() == [
        [True, False, False, False],
        [False, True, True, False],
        [False, False, False, True],
    ]
    shares = softmax(torch.zeros(1, 4).double().numpy())
    assert outputs.spread(shares, 4).tolist() == [[0.25, 0.5, 0.25, 0.0]]
