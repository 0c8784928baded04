"""A checkpoint that is no sound one is refused before anything of it is used, with the mend."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from model.bundle import DEFAULT_BUNDLE, bundle_digest, load_bundle
from model.checkpoint import locate, make_bundle, origin, vet_base
from model.errors import BundleError
from model.training.base import load_base
from model.training.outputs import Outputs
from model.training.settings import TrainingSettings
from tests.support.checkpoints import describe, tiny_bundle, write_checkpoint

WEIGHTS = "model.safetensors"


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def cut_weights(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def cut_header(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:20])


def deaf_tokenizer(folder: Path) -> None:
    Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))  # noqa: S106 - no password


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no tokenizer": (without_tokenizer, r"no tokenizer \(tokenizer\.json, vocab\.txt"),
    "cut weights": (cut_weights, "truncated, 100 bytes are missing"),
    "a cut header": (cut_header, "truncated or malicious"),
    "a tokenizer that knows no text": (deaf_tokenizer, "knows no piece of any text"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_checkpoint_becomes_no_bundle_and_no_base(tmp_path: Path, fault: str) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    breaks, told = BROKEN[fault]
    breaks(folder)
    with pytest.raises(BundleError, match=told):
        make_bundle(str(folder), tmp_path / "bundle", describe())
    with pytest.raises(BundleError, match=told):
        load_base(TrainingSettings(base=str(folder)), Outputs((0, 1), ("non_toxic", "insult")))
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_is_verified_before_it_is_trained_from(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    vet_base(str(bundle.path), 32)
    raw = bytearray((bundle.path / WEIGHTS).read_bytes())
    raw[-1] ^= 1
    (bundle.path / WEIGHTS).write_bytes(raw)
    with pytest.raises(BundleError, match=r"model\.safetensors: altered"):
        vet_base(str(bundle.path), 32)
    (bundle.path / "training_args.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match="can run code when loaded"):
        vet_base(str(bundle.path), 32)


def test_more_tokens_than_the_network_has_positions_are_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    vet_base(str(folder), 40)
    with pytest.raises(BundleError, match="max_tokens is 41, the network has 40 positions"):
        vet_base(str(folder), 41)


def test_a_body_of_other_sizes_is_refused_a_new_head_is_not_worth_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = Outputs((0, 1), ("non_toxic", "insult"))
    folder = write_checkpoint(tmp_path / "checkpoint")
    model, _ = load_base(TrainingSettings(base=str(folder)), outputs)
    assert model.config.id2label == {0: "non_toxic", 1: "insult"}
    said = capfd.readouterr()
    assert "num_labels" not in said.out + said.err
    assert "LOAD REPORT" not in said.out + said.err
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(BundleError, match=r"differ from the weights: bert\.encoder"):
        load_base(TrainingSettings(base=str(folder)), outputs)


@pytest.mark.parametrize("place", ["./nobase", "/nobase", "../nobase"])
def test_a_path_that_leads_nowhere_is_no_hub_name(place: str) -> None:
    with pytest.raises(BundleError, match=f"{place}: no such folder"):
        locate(place)


def test_an_origin_names_no_path_of_a_machine(tmp_path: Path) -> None:
    digest = bundle_digest(load_bundle(DEFAULT_BUNDLE))
    assert origin(str(DEFAULT_BUNDLE)) == f"{load_bundle(DEFAULT_BUNDLE).manifest.name} (bundle {digest})"
    assert origin(str(tmp_path)) == tmp_path.name
    assert origin("owner/name") == "owner/name"
