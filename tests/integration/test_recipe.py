"""The whole recipe, tiny, on text of our own: every stage runs, the student learns, a second run does nothing."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import Unigram, WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer, Metaspace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import UnigramTrainer, WordPieceTrainer
from transformers import BertConfig, BertModel

from model.bundle import DEFAULT_BUNDLE, Bundle, load_bundle
from model.errors import WorkshopError
from model.folding import install
from model.torch_classifier import TorchClassifier
from model.training.recipe.mend import main as mend_command
from model.training.recipe.mend import mend
from model.training.recipe.multilingual import SPECIAL as PIECES
from model.training.recipe.own import group_lines, own_lines
from model.training.recipe.plan import ADAPTED, Plan, Start
from model.training.recipe.pretrain import SPECIAL
from model.training.recipe.stages import make_bundle
from model.training.sources import Example
from model.vetting import MODEL_CARD

RNG = np.random.default_rng(4)
PLAN = Plan(
    adapt_epochs=1,
    teachers=(Start(ADAPTED, 7, 1), Start("second", 5, 2)),
    copies=1,
    student_layers=(0, 1),
    student_vocabulary=400,
    student_epochs=4,
    resamples=20,
)


def lines() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for example in own_lines(90, RNG):
        found.setdefault(example.labels[0], []).append(example.text)
    found["taunt"] = [f"ez {word} {number}" for number in range(12) for word in ("game", "win", "mid", "lane", "noobs")]
    return found


def write(path: Path, columns: Sequence[str], rows: Iterator[Sequence[object]] | Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows(rows)
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every public set's file in its own columns, filled with our own lines."""
    directory = tmp_path_factory.mktemp("data")
    said = lines()
    write_game_sets(directory, said)
    write_other_sets(directory, said)
    return directory


def write_game_sets(directory: Path, said: Mapping[str, Sequence[str]]) -> None:
    gametox = [("non_toxic", 0), ("insult", 1), ("profanity", 2), ("hate", 3), ("threat", 4), ("extremism", 5)]
    rows = [(text, label) for name, label in gametox for text in said[name]]
    write(directory / "gametox_train.csv", ("message", "label"), [row for place, row in enumerate(rows) if place % 5])
    write(directory / "gametox_dev.csv", ("message", "label"), rows[::5])
    intents = [("non_toxic", "O", "O"), ("insult", "E", "T"), ("taunt", "I", "O"), ("report_call", "A", "D")]
    chat = [(text, intent, tag) for name, intent, tag in intents for text in said[name]]
    write(
        directory / "conda_train.csv",
        ("match_id", "conversation_id", "seconds", "player_slot", "utterance", "intent", "slot_tokens"),
        [(place % 40, 0, place, 1, text, intent, f"x ({tag}), ") for place, (text, intent, tag) in enumerate(chat)],
    )


def write_other_sets(directory: Path, said: Mapping[str, Sequence[str]]) -> None:
    clean, bad = said["non_toxic"][:60], said["insult"][:60]
    both = [(text, "NOT_BAD") for text in clean] + [(text, "BAD") for text in bad]
    write(directory / "twitch_pubg.csv.gz", ("dt", "channel", "user", "text"), [("t", 0, 0, text) for text in clean])
    write(
        directory / "jigsaw_six_labels.csv.gz",
        ("origin", "comment_text", "toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"),
        [("a", text, *(int(label == "BAD"), 0, 0, 0, int(label == "BAD"), 0)) for text, label in both],
    )
    write(
        directory / "olid_train.csv.gz",
        ("id", "tweet", "subtask_a", "subtask_b", "subtask_c"),
        [(1, text, *(("OFF", "TIN", "IND") if label == "BAD" else ("NOT", "NULL", "NULL"))) for text, label in both],
    )
    write(directory / "davidson.csv.gz", ("text", "class"), [(text, 2 - (label == "BAD")) for text, label in both])
    write(
        directory / "surge_toxicity.csv",
        ("text", "is_toxic"),
        [(text, "Toxic" if label == "BAD" else "Not Toxic") for text, label in both],
    )
    write(directory / "noisyhate_pairs.csv", ("clean", "perturbed"), [("dog", "d0g")])
    write(
        directory / "hatemoji_build_train.csv",
        ("text", "type", "label_gold"),
        [(text, "none", 0) for text in clean] + [(text, "derogation", 1) for text in said["hate"][:40]],
    )
    write(
        directory / "hatecheck_half.csv",
        ("functionality", "test_case", "label_gold", "templ_id"),
        [("ident_pos_nh", text, "non-hateful", place % 8) for place, text in enumerate(clean)]
        + [("counter_quote_nh", text, "non-hateful", place % 8) for place, text in enumerate(said["non_toxic"][60:90])]
        + [("slur_h", text, "hateful", place % 8) for place, text in enumerate(said["hate"][:60])],
    )
    write(directory / "bias_madlibs_77k.csv.gz", ("Text", "Label", "Template"), [(*row, "name_adj") for row in both])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained encoder with a vocabulary of our own lines."""
    directory = tmp_path_factory.mktemp("base")
    tokenizer = install(Tokenizer(WordPiece({"[UNK]": 0})))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    texts = [text for part in lines().values() for text in part]
    tokenizer.train_from_iterator(texts, WordPieceTrainer(vocab_size=600, special_tokens=list(SPECIAL)))
    marks = [(mark, tokenizer.get_vocab()[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", marks)
    tokenizer.save(str(directory / "tokenizer.json"))
    untrained(tokenizer).save_pretrained(directory)
    return directory


def untrained(tokenizer: Tokenizer) -> BertModel:
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=128,
    )
    torch.manual_seed(4)
    return BertModel(config)


@pytest.fixture(scope="module")
def made(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the recipe and return the directory of its stages."""
    out = tmp_path_factory.mktemp("made")
    make_bundle(data, {"first": base, "second": base}, out, PLAN)
    return out


@pytest.mark.slow
def test_the_recipe_makes_a_bundle_that_learned_and_is_not_made_twice(
    data: Path, base: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = load_bundle(made / "bundle")
    metrics = bundle.manifest.metrics
    assert isinstance(metrics["gametox.auc"], float)
    assert metrics["gametox.auc"] > 0.6
    assert bundle.manifest.thresholds.keys() >= {"insult", "hate", "threat"}
    assert bundle.manifest.labels["taunt, allowed"] == "non_toxic"
    assert len(bundle.outputs) == len(set(bundle.outputs)) + 2
    assert "licence" in (made / "bundle" / MODEL_CARD).read_text(encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if "bundle" not in path.parts}
    capsys.readouterr()
    make_bundle(data, {"first": base, "second": base}, made, PLAN)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    said = capsys.readouterr().err
    assert said.count("done before, kept") == 6
    assert len(json.loads((made / "student" / "done.json").read_text())["quality_dev_by_epoch"]) == 4


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained encoder with sentence pieces of our own lines."""
    directory = tmp_path_factory.mktemp("multilingual")
    tokenizer = Tokenizer(Unigram())
    tokenizer.pre_tokenizer = Metaspace()
    texts = [text for part in lines().values() for text in part]
    trainer = UnigramTrainer(vocab_size=400, special_tokens=list(PIECES), unk_token=PIECES[-1])
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(mark, tokenizer.get_vocab()[mark]) for mark in ("<s>", "</s>")]
    tokenizer.post_processor = TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", ends)
    tokenizer.save(str(directory / "tokenizer.json"))
    untrained(tokenizer).save_pretrained(directory)
    return directory


@pytest.mark.slow
def test_a_larger_bundle_has_its_teachers_pieces_and_keeps_what_is_frozen(
    data: Path, multilingual: Path, tmp_path: Path
) -> None:
    plan = Plan(
        teachers=(Start("e5", 2, 1, frozen=1),),
        copies=0,
        student_vocabulary=None,
        student_epochs=1,
        student_frozen=1,
        resamples=5,
        name="chatwarden-larger",
        recipe="python -m model.training.recipe.larger",
    )
    directory = make_bundle(data, {"e5": multilingual}, tmp_path, plan)
    bundle = load_bundle(directory)
    assert bundle.manifest.name == "chatwarden-larger"
    card = (directory / MODEL_CARD).read_text(encoding="utf-8")
    assert "recipe.larger" in card
    assert "# Chatwarden compact" not in card
    before, after = (load_file(path / "model.safetensors") for path in (multilingual, directory))
    same = {name: torch.equal(after[f"bert.{name}"], value.half()) for name, value in before.items() if "layer" in name}
    assert {name for name, is_same in same.items() if is_same} >= {name for name in same if ".layer.0." in name}
    assert not any(is_same for name, is_same in same.items() if ".layer.1." in name and name.endswith("weight"))
    vocabularies = [Tokenizer.from_file(str(path / "tokenizer.json")).get_vocab() for path in (multilingual, directory)]
    assert vocabularies[0] == vocabularies[1]
    assert not (tmp_path / ADAPTED).exists()
    assert len(TorchClassifier(bundle, "cpu")(["gg wp", "you idiot"])) == 2


@pytest.mark.slow
def test_mending_changes_what_is_said_of_groups_and_nothing_else(data: Path, made: Path, tmp_path: Path) -> None:
    directory = mend(made / "bundle", data, tmp_path / "mended", resamples=20)
    first, second = load_bundle(made / "bundle"), load_bundle(directory)
    before, after = TorchClassifier(first, "cpu"), TorchClassifier(second, "cpu")
    others = ["gg wp nice", "you idiot noob", "kill the mid", "report top pls"]
    assert after(others) == before(others)
    lines = group_lines(60, np.random.default_rng(9))
    assert share_meant(after, second, lines) > share_meant(before, first, lines) + 0.005
    assert second.manifest.thresholds == first.manifest.thresholds
    assert second.manifest.metrics["ensemble.gametox.auc"] == first.manifest.metrics["ensemble.gametox.auc"]
    assert "recipe.mend" in (directory / MODEL_CARD).read_text(encoding="utf-8")
    with pytest.raises(WorkshopError, match="exists; give a new directory"):
        mend(made / "bundle", data, directory)


def test_mending_refuses_data_that_the_bundle_was_not_made_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--bundle", str(DEFAULT_BUNDLE), "--data", str(data), "--out", str(tmp_path / "mended")]
    assert mend_command(arguments) == 2
    assert "was made from other data than" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def share_meant(classifier: TorchClassifier, bundle: Bundle, examples: Sequence[Example]) -> float:
    """Return the mean score that examples have in their own category."""
    names = bundle.taxonomy.names
    scores = np.array(classifier([example.text for example in examples]))
    return float(np.mean([scores[row, names.index(each.labels[0])] for row, each in enumerate(examples)]))
