"""Checks files before anything parses them: names, sizes, configuration keys, weight headers.

Every check raises ``BundleError`` with the file and how to fix it; none runs code that a file names.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from model.architectures import KEYS, config_keys
from model.errors import BundleError

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
MANIFEST: Final = "bundle.json"
MODEL_CARD: Final = "README.md"

REQUIRED: Final = (CONFIG, WEIGHTS, TOKENIZER)
ALLOWED: Final = frozenset(
    [
        *REQUIRED,
        MODEL_CARD,
        "LICENSE",
        "NOTICE",
        "gate.json",
        "gate.safetensors",
        "merges.txt",
        "report.json",
        "special_tokens_map.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    ]
)
"""Every file name that a bundle may have in addition to ``bundle.json``."""

MAX_JSON: Final = 64 << 20
"""Bytes; today's largest tokenizers have 30 MB."""
MAX_HEADER: Final = 16 << 20
"""Bytes; a thousand-layer network needs less than one."""

_UNSAFE: Final = frozenset(
    [".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack", ".npy", ".npz", ".py"]
)
_WIDTHS: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_HOOKS: Final = ("auto_map", "custom_pipelines", "trust_remote_code", "quantization_config")
_MAX_INTEGER: Final = 10_000_000
_CLASSIFIER: Final = re.compile(r"^[A-Za-z0-9]{1,64}ForSequenceClassification$")


def vet_name(path: Path, name: str) -> None:
    """Refuse a name that points outside the bundle or is not part of one."""
    suffix = Path(name).suffix.lower()
    if suffix in _UNSAFE:
        raise BundleError(f"{path / name}: {suffix} files can run code when loaded; convert to {WEIGHTS}")
    if name not in ALLOWED:
        raise BundleError(
            f"{path}: {name!r} is not part of a bundle; remove it (allowed: {', '.join(sorted(ALLOWED))})"
        )


def vet_folder(path: Path) -> frozenset[str]:
    """Return the names of the files in ``path`` (without ``bundle.json``); refuse anything but plain files."""
    if not path.is_dir():
        raise BundleError(f"{path}: no such folder; make a bundle with `chatwarden bundle make`")
    names = set()
    for entry in path.iterdir():
        if entry.is_symlink() or not entry.is_file():
            raise BundleError(f"{entry}: neither links nor folders may be in a bundle; replace it by a plain file")
        if entry.name != MANIFEST:
            vet_name(path, entry.name)
            names.add(entry.name)
    return frozenset(names)


def parse_json(path: Path, raw: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        BundleError: it is larger than ``MAX_JSON``, nested too deep or not an object.
    """
    if len(raw) > MAX_JSON:
        raise BundleError(f"{path}: {len(raw):,} bytes are more than the {MAX_JSON:,} allowed")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{path}: not JSON: {exc}; write the bundle again") from exc
    if not isinstance(document, dict):
        raise BundleError(f"{path}: not a JSON object; write the bundle again")
    return document


def vet_config(path: Path, config: dict[str, Any]) -> None:
    """Refuse a network configuration with an unknown architecture, unknown keys, hooks or absurd sizes."""
    hooks = [key for key in _HOOKS if key in config]
    if hooks:
        raise BundleError(f"{path}: {', '.join(hooks)} would load foreign code or formats; remove it")
    kind = config.get("model_type")
    allowed = config_keys(kind) if isinstance(kind, str) else frozenset()
    if not allowed:
        raise BundleError(f"{path}: model_type {kind!r} is not supported; use one of {', '.join(sorted(KEYS))}")
    unknown = sorted(set(config) - allowed)
    if unknown:
        raise BundleError(f"{path}: unknown keys for {kind}: {', '.join(unknown)}; remove them")
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or len(architectures) != 1 or not _is_classifier(architectures[0]):
        raise BundleError(f"{path}: architectures must be one ...ForSequenceClassification, not {architectures!r}")
    _vet_values(path, config)


def _is_classifier(name: object) -> bool:
    return isinstance(name, str) and _CLASSIFIER.match(name) is not None


def _vet_values(path: Path, config: dict[str, Any]) -> None:
    waiting: list[tuple[str, object]] = list(config.items())
    while waiting:
        key, value = waiting.pop()
        match value:
            case dict():
                waiting.extend((f"{key}.{name}", inner) for name, inner in value.items())
            case list():
                waiting.extend((key, inner) for inner in value)
            case str() if "--" in value and key != "_name_or_path":
                raise BundleError(f"{path}: {key} is {value!r}, which names remote code; remove it")
            case int() | float() if not abs(value) <= _MAX_INTEGER:
                raise BundleError(f"{path}: {key} is {value}, which is beyond {_MAX_INTEGER:,}; correct it")


def vet_weights(path: Path, raw: bytes) -> None:
    """Check a safetensors file's header: its length, every tensor's type, shape and range, and that no byte is unused.

    Source: the safetensors format description (8-byte little-endian length, JSON header, tensor bytes).
    """
    _vet_header(path, raw[: 8 + MAX_HEADER], len(raw))


def vet_weights_file(path: Path) -> None:
    """Check a safetensors file as ``vet_weights`` does, reading no more than its header; blocks on the disk."""
    with path.open("rb") as file:
        _vet_header(path, file.read(8 + MAX_HEADER), path.stat().st_size)


def _vet_header(path: Path, raw: bytes, size: int) -> None:
    """Check a header; ``raw`` is the beginning of a file of ``size`` bytes."""
    length = int.from_bytes(raw[:8], "little")
    if size < 8 or length > min(MAX_HEADER, size - 8):
        raise BundleError(
            f"{path}: its header claims {length:,} bytes (at most {MAX_HEADER:,} and the file's own size); "
            "the file is truncated or malicious: fetch it again from a source you trust"
        )
    header = parse_json(path, raw[8 : 8 + length])
    header.pop("__metadata__", None)
    end = 0
    for name, begin, finish in sorted(_spans(path, header), key=lambda span: span[1:]):
        if begin != end:
            raise BundleError(f"{path}: tensor {name!r} overlaps another or leaves a gap; save the weights again")
        end = finish
    if end != size - 8 - length:
        spare = size - 8 - length - end
        raise BundleError(
            f"{path}: {spare:,} bytes belong to no tensor; save the weights again"
            if spare > 0
            else f"{path}: truncated, {-spare:,} bytes are missing; fetch it again"
        )


def _spans(path: Path, header: dict[str, Any]) -> list[tuple[str, int, int]]:
    spans = []
    for name, tensor in header.items():
        try:
            size = _WIDTHS[tensor["dtype"]]
            for extent in tensor["shape"]:
                size *= extent
            begin, finish = tensor["data_offsets"]
            consistent = begin >= 0 and finish - begin == size
        except (KeyError, TypeError, ValueError) as exc:
            raise BundleError(f"{path}: tensor {name!r} is malformed ({exc!r}); save the weights again") from exc
        if not consistent:
            raise BundleError(f"{path}: tensor {name!r} does not fill its place; save the weights again")
        spans.append((name, begin, finish))
    return spans


def vet_tokenizer_config(path: Path, config: dict[str, Any]) -> None:
    """Refuse a tokenizer configuration that names code; scoring does not use it."""
    named = [key for key in ("auto_map", "trust_remote_code") if key in config]
    if named:
        raise BundleError(f"{path}: {', '.join(named)} would load foreign code; remove it")
