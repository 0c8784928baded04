"""From a Hugging Face checkpoint or a trained network to the files of a bundle.

Needs transformers; scoring does not.
"""

import json
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from model.architectures import config_keys
from model.bundle import Bundle, Description, bundle_digest, load_bundle, refuse_beyond, write_bundle
from model.byte_pairs import with_fast_tokenizer
from model.errors import BundleError
from model.vetting import ALLOWED, CONFIG, MANIFEST, TOKENIZER, parse_json, vet_config, vet_weights_file

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Precision = Literal["float32", "float16", "bfloat16"]

_HUB_FILES: Final = ["*.json", "*.safetensors", "*.txt", "*.model", "bpe.codes"]
"""What is downloaded from a hub repository: never pickles, never code."""
_VOCABULARIES: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "bpe.codes")
"""A tokenizer has at least one of these files; without any, transformers makes one with an empty vocabulary."""
_PROBES: Final = ("you are good 123", "ты хорош", "你好", "مرحبا", "안녕", "สวัสดี", "नमस्ते", "γεια")


def locate(source: str) -> Path:
    """Return a checkpoint's folder; a name that is not a folder is downloaded from the hub, without code or pickles.

    Raises:
        BundleError: there is no such folder and no such checkpoint.
    """
    if Path(source).is_dir():
        return Path(source)
    if source.startswith((".", "/", "~")):
        raise BundleError(f"{source}: no such folder; give the folder of a Hugging Face checkpoint, or its hub name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as exc:
        raise BundleError(f"{source}: neither a folder nor a checkpoint on the hub: {exc}") from exc


def vet_checkpoint(folder: Path) -> None:
    """Refuse an invalid checkpoint before transformers reads it; in a bundle every file is checked.

    Raises:
        BundleError: its configuration names code or is missing; it has only pickled or truncated weights; it has no
            tokenizer; it is an altered bundle.
    """
    if (folder / MANIFEST).is_file():
        load_bundle(folder)
    for name in (CONFIG, "tokenizer_config.json"):
        path = folder / name
        if path.is_file() and "auto_map" in parse_json(path, path.read_bytes()):
            raise BundleError(f"{path}: auto_map would load foreign code; use a checkpoint that needs none")
    if not (folder / CONFIG).is_file():
        raise BundleError(f"{folder}: no {CONFIG}; give the folder of a Hugging Face checkpoint")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BundleError(f"{folder}: no safetensors weights; convert them first, pickles are not read")
    for path in weights:
        vet_weights_file(path)
    if not any(path for pattern in _VOCABULARIES for path in folder.glob(pattern)):
        raise BundleError(f"{folder}: no tokenizer ({', '.join(_VOCABULARIES)}); copy its files beside {CONFIG}")


def vet_base(source: str, max_tokens: int) -> None:
    """Refuse an unusable base before any training; blocks: disk, and the network for a hub name.

    Raises:
        BundleError: it is missing or invalid, or has fewer positions than ``max_tokens``.
    """
    folder = locate(source)
    vet_checkpoint(folder)
    refuse_beyond(max_tokens, folder / CONFIG, parse_json(folder / CONFIG, (folder / CONFIG).read_bytes()))


def refuse_deaf(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Refuse a tokenizer that knows no piece of any probe: every text would get the same score.

    Raises:
        BundleError: it does not.
    """
    blank = {*tokenizer.all_special_ids, tokenizer.unk_token_id}
    if all(blank.issuperset(tokenizer(text)["input_ids"]) for text in _PROBES):
        raise BundleError(f"{folder}: its tokenizer knows no piece of any text; copy the right tokenizer files")


def origin(source: str) -> str:
    """Name a network's origin for a model card: a bundle by name and digest, a folder by name, else the hub name.

    Raises:
        BundleError: a bundle is invalid.
    """
    folder = Path(source)
    if (folder / MANIFEST).is_file():
        bundle = load_bundle(folder)
        return f"{bundle.manifest.name} (bundle {bundle_digest(bundle)})"
    return folder.resolve().name if folder.is_dir() else source


def make_bundle(source: str, output: Path, description: Description, precision: Precision = "float16") -> Bundle:
    """Make a bundle from a sequence-classification checkpoint.  Blocks: disk, and the network for a hub name.

    Raises:
        BundleError: the checkpoint is unsafe, of an unknown architecture or not a classifier, or ``output`` is in use.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    make_way(output)
    folder = locate(source)
    vet_checkpoint(folder)
    config = known_only(parse_json(folder / CONFIG, (folder / CONFIG).read_bytes()))
    vet_config(folder / CONFIG, config)
    refuse_beyond(description.max_tokens, folder / CONFIG, config)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as exc:
        raise BundleError(f"{folder}: transformers cannot load it: {exc}") from exc
    refuse_deaf(folder, tokenizer)
    return save_bundle(model, with_fast_tokenizer(model, tokenizer), output, description, precision)


def make_way(output: Path) -> None:
    """Check that a bundle can be written to ``output``, before work that may take hours; creates its parent folder.

    Raises:
        BundleError: ``output`` is in use.
        OSError: its parent folder cannot be made or written.
    """
    if output.exists() and any(output.iterdir()):
        raise BundleError(f"{output}: not empty; name a new folder or remove it first")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output.parent):
        pass


def save_bundle(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    output: Path,
    description: Description,
    precision: Precision = "float16",
    texts: Iterable[tuple[str, str]] = (),
) -> Bundle:
    """Write a network and its tokenizer as a bundle; ``texts`` are further files (model card, report) by name.

    ``output`` is written atomically.

    Raises:
        BundleError: ``output`` is in use, or the parts cannot be made into a bundle.
    """
    import torch

    make_way(output)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as unfinished:
        files = Path(unfinished, "files")
        model.to(getattr(torch, precision)).save_pretrained(files, max_shard_size="1TB")
        tokenizer.save_pretrained(files)
        for name, text in texts:
            (files / name).write_text(text, encoding="utf-8")
        _keep_known(files)
        write_bundle(files, description)
        if output.exists():
            output.rmdir()
        files.rename(output)
    return load_bundle(output)


def known_only(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a configuration that its architecture knows; checkpoints carry many unused ones."""
    allowed = config_keys(str(config.get("model_type")))
    return {key: value for key, value in config.items() if key in allowed} if allowed else config


def _keep_known(files: Path) -> None:
    """Drop what no bundle needs: other files, unused configuration keys."""
    for path in files.iterdir():
        if path.name not in ALLOWED and path.is_file():
            logging.getLogger(__name__).info("dropped %s", path.name)
            path.unlink()
    path = files / CONFIG
    config = known_only(parse_json(path, path.read_bytes()))
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not (files / TOKENIZER).is_file():
        raise BundleError("the tokenizer has no tokenizer.json; convert it to a fast tokenizer first")
