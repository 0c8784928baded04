"""A bundle loads only what its digests vouch for, and nothing that could run code."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from model.bundle import Bundle, bundle_digest, load_bundle, write_bundle
from model.errors import BundleError
from model.vetting import MANIFEST
from tests.support.checkpoints import LABELS, describe, tiny_bundle, tiny_config, write_checkpoint

Edit = Callable[[Path], object]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "bundle")


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_bundle_loads_as_it_was_written(bundle: Bundle) -> None:
    again = load_bundle(bundle.path)
    assert again == bundle
    assert again.outputs == (0, 1, 2)
    assert not again.multi_label


def test_the_digest_follows_what_scores_depend_on(bundle: Bundle) -> None:
    before = bundle_digest(bundle)
    assert bundle_digest(write_bundle(bundle.path, describe(temperature=2))) != before
    assert bundle_digest(write_bundle(bundle.path, describe(gate={"files": [], "threshold": 0.1}))) != before
    assert bundle_digest(write_bundle(bundle.path, describe(max_tokens=16))) != before
    write_checkpoint(bundle.path, seed=8)
    assert bundle_digest(write_bundle(bundle.path, describe())) != before


def test_the_digest_ignores_what_no_score_depends_on(bundle: Bundle) -> None:
    before = bundle_digest(bundle)
    (bundle.path / "README.md").write_text("A model card.")
    changed = describe(name="renamed", metrics={"f1": 0.5}, thresholds={"insult": 0.9}, training={"seed": 1})
    assert bundle_digest(write_bundle(bundle.path, changed)) == before


NO_FILE = {"sha256": "0" * 64, "size": 1}


def swap_weights(path: Path) -> None:
    raw = bytearray((path / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (path / "model.safetensors").write_bytes(raw)


TAMPERED: dict[str, tuple[Edit, str]] = {
    "one bit of the weights": (swap_weights, r"model\.safetensors: altered"),
    "a longer file": (lambda p: (p / "tokenizer.json").write_text("{}"), r"tokenizer\.json: altered"),
    "a file more": (lambda p: (p / "vocab.txt").write_text("a"), r"vocab\.txt not listed"),
    "an unknown file": (lambda p: (p / "notes.txt").write_text("a"), r"'notes\.txt' is not part of a bundle"),
    "a pickle": (lambda p: (p / "pytorch_model.bin").write_bytes(b"\x80"), r"\.bin files can run code"),
    "python": (lambda p: (p / "modeling_x.py").write_text("1"), r"\.py files can run code"),
    "a missing file": (lambda p: (p / "config.json").unlink(), r"config\.json missing"),
    "no manifest": (lambda p: (p / MANIFEST).unlink(), r"chatwarden bundle make"),
    "a folder": (lambda p: (p / "onnx").mkdir(), r"neither links nor folders"),
    "a link": (lambda p: (p / "vocab.txt").symlink_to("/etc/hostname"), r"neither links nor folders"),
    "a path out of the folder": (
        lambda p: rewrite(p / MANIFEST, files={"../x.json": NO_FILE}),
        r"'\.\./x\.json' is not part of",
    ),
    "an unknown key": (lambda p: rewrite(p / MANIFEST, loader="x"), r"loader: Extra inputs"),
    "another format": (lambda p: rewrite(p / MANIFEST, format=2), r"format"),
    "no JSON": (lambda p: (p / MANIFEST).write_text("{"), r"bundle\.json: not JSON"),
    "JSON nested without end": (lambda p: (p / MANIFEST).write_text("[" * 200_000), r"bundle\.json: not JSON"),
    "a list": (lambda p: (p / MANIFEST).write_text("[]"), r"not a JSON object"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_refused(bundle: Bundle, name: str) -> None:
    edit, message = TAMPERED[name]
    edit(bundle.path)
    with pytest.raises(BundleError, match=message):
        load_bundle(bundle.path)


UNSAFE_CONFIGS: dict[str, tuple[dict[str, object], str]] = {
    "remote code": ({"auto_map": {"AutoModel": "x--y.Z"}}, "auto_map would load foreign code"),
    "an unknown key": ({"tokenizer_file": "/etc/passwd"}, "unknown keys for bert: tokenizer_file"),
    "an unknown kind": ({"model_type": "evil"}, "model_type 'evil' is not supported"),
    "another task": ({"architectures": ["BertForMaskedLM"]}, "ForSequenceClassification"),
    "a remote reference": ({"hidden_act": "user/repo--kernel"}, "names remote code"),
    "a nested remote reference": ({"label2id": {"a": ["user--x"]}}, "names remote code"),
    "an absurd size": ({"vocab_size": 10**12}, "vocab_size is 1000000000000"),
    "an infinite size": ({"layer_norm_eps": float("inf")}, "layer_norm_eps is inf"),
    "other labels": ({"id2label": {"0": "x", "1": "y"}}, "labels and config.json id2label differ in"),
    "labels that are no numbers": ({"id2label": {"a": "clean"}}, "id2label is not a list of outputs"),
    "labels that are a list": ({"id2label": ["clean"]}, "id2label is not a list of outputs"),
    "a regression": ({"problem_type": "regression"}, "a regression gives no probabilities"),
    "fewer positions": ({"max_position_embeddings": 20}, "max_tokens is 32, the network has 20 positions"),
    "positions of text": ({"max_position_embeddings": "20"}, "max_position_embeddings is '20'"),
}


@pytest.mark.parametrize("name", UNSAFE_CONFIGS)
def test_an_unsafe_or_unfit_configuration_is_refused(tmp_path: Path, name: str) -> None:
    changes, message = UNSAFE_CONFIGS[name]
    write_checkpoint(tmp_path / "b")
    (tmp_path / "b" / "config.json").write_text(json.dumps(tiny_config(list(LABELS)) | changes))
    with pytest.raises(BundleError, match=message):
        write_bundle(tmp_path / "b", describe())


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed) if length is None else length) + packed + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


BROKEN_WEIGHTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "header claims"),
    "a header of 2 GB": (safetensors({}, length=2 << 30), "header claims 2,147,483,648 bytes"),
    "a header beyond the file": (safetensors({}, length=100), "header claims 100 bytes"),
    "no JSON": (struct.pack("<Q", 4) + b"\xff\xfe\x00\x01", "not JSON"),
    "overlapping tensors": (safetensors({"a": tensor(0, 8, [2]), "b": tensor(4, 8, [1])}, b"\0" * 8), "overlaps"),
    "a gap": (safetensors({"a": tensor(4, 8, [1])}, b"\0" * 8), "overlaps another or leaves a gap"),
    "bytes left over": (safetensors({"a": tensor(0, 4, [1])}, b"\0" * 9), "5 bytes belong to no tensor"),
    "a wrong shape": (safetensors({"a": tensor(0, 4, [2])}, b"\0" * 4), "does not fill its place"),
    "an unknown type": (safetensors({"a": tensor(0, 4, [1], "PICKLE")}, b"\0" * 4), "malformed"),
    "no tensor": (safetensors({"a": 3}), "malformed"),
}


@pytest.mark.parametrize("name", BROKEN_WEIGHTS)
def test_weights_are_vetted_before_anything_parses_them(tmp_path: Path, name: str) -> None:
    raw, message = BROKEN_WEIGHTS[name]
    write_checkpoint(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").write_bytes(raw)
    with pytest.raises(BundleError, match=message):
        write_bundle(tmp_path / "b", describe())


def test_a_tokenizer_configuration_that_names_code_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "b")
    (tmp_path / "b" / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["a.B", null]}}')
    with pytest.raises(BundleError, match="auto_map would load foreign code"):
        write_bundle(tmp_path / "b", describe())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"clean": "non_toxic", "flame": "rudeness"}}, "unknown categories: rudeness"),
        ({"labels": {"clean": "non_toxic"}}, "map at least one"),
        ({"thresholds": {"rudeness": 0.5}}, "unknown categories: rudeness"),
        ({"labels": {"clean": "non_toxic", "flame": "any"}}, "unknown categories: any"),
        ({"temperature": 0}, "greater than 0"),
        ({"name": "../x"}, "String should match pattern"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe(**changes)


def test_a_threshold_may_be_for_any_of_them() -> None:
    assert describe(thresholds={"insult": 0.5, "any": 0.7}).acting == {"insult": 0.5, "any": 0.7}


def test_an_unused_output_is_for_sigmoids_only(tmp_path: Path) -> None:
    unused = describe(labels={"clean": "non_toxic", "flame": "insult", "threat": None})
    bundle = tiny_bundle(tmp_path / "multi", unused, problem_type="multi_label_classification")
    assert bundle.outputs == (0, 1, None)
    with pytest.raises(BundleError, match="every output of a softmax needs a category"):
        tiny_bundle(tmp_path / "single", unused)
