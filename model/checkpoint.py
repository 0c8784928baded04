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
from model.bundle import Bundle, Description, load_bundle, write_bundle
from model.byte_pairs import with_fast_tokenizer
from model.errors import BundleError
from model.vetting import ALLOWED, CONFIG, TOKENIZER, parse_json, vet_config

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Precision = Literal["float32", "float16", "bfloat16"]

_HUB_FILES: Final = ["*.json", "*.safetensors", "*.txt", "*.model", "bpe.codes"]
"""What is downloaded from a hub repository: never pickles, never code."""


def locate(source: str) -> Path:
    """Return a checkpoint's folder; a name that is not a folder is downloaded from the hub, without code or pickles.

    Raises:
        BundleError: there is no such folder and no such checkpoint.
    """
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as exc:
        raise BundleError(f"{source}: neither a folder nor a checkpoint that the hub gives us: {exc}") from exc


def refuse_code(folder: Path) -> None:
    """Refuse a checkpoint whose configuration names code, before transformers reads it.

    Raises:
        BundleError: it does, or has no configuration, or only pickled weights.
    """
    for name in (CONFIG, "tokenizer_config.json"):
        path = folder / name
        if path.is_file() and "auto_map" in parse_json(path, path.read_bytes()):
            raise BundleError(f"{path}: auto_map would load foreign code; use a checkpoint that needs none")
    if not (folder / CONFIG).is_file():
        raise BundleError(f"{folder}: no {CONFIG}; give the folder of a Hugging Face checkpoint")
    if not any(folder.glob("*.safetensors")):
        raise BundleError(f"{folder}: no safetensors weights; convert them first, pickles are not read")


def make_bundle(source: str, output: Path, description: Description, precision: Precision = "float16") -> Bundle:
    """Make a bundle out of a sequence-classification checkpoint.  Blocks: disk, and the network for a hub name.

    Raises:
        BundleError: the checkpoint is unsafe, of an unknown kind or no classifier, or ``output`` is in use.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    make_way(output)
    folder = locate(source)
    refuse_code(folder)
    vet_config(folder / CONFIG, known_only(parse_json(folder / CONFIG, (folder / CONFIG).read_bytes())))
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise BundleError(f"{folder}: transformers cannot load it: {exc}") from exc
    return save_bundle(model, with_fast_tokenizer(model, tokenizer), output, description, precision)


def make_way(output: Path) -> None:
    """Check that a bundle can be written to ``output``, before work that may take hours; creates its parent folder.

    Raises:
        BundleError: ``output`` is in use.
        OSError: the folder around it cannot be made or written.
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

    ``output`` appears complete or not at all.

    Raises:
        BundleError: ``output`` is in use, or the parts are not fit for a bundle.
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
    """Return the keys of a configuration that its kind knows; checkpoints carry many that nothing reads."""
    allowed = config_keys(str(config.get("model_type")))
    return {key: value for key, value in config.items() if key in allowed} if allowed else config


def _keep_known(files: Path) -> None:
    """Drop what no bundle needs: files of other uses, configuration keys that nothing reads."""
    for path in files.iterdir():
        if path.name not in ALLOWED and path.is_file():
            logging.getLogger(__name__).info("dropped %s", path.name)
            path.unlink()
    path = files / CONFIG
    config = known_only(parse_json(path, path.read_bytes()))
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not (files / TOKENIZER).is_file():
        raise BundleError("the tokenizer has no tokenizer.json; convert it to a fast tokenizer first")
