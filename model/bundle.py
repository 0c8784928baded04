"""Bundle: a model with everything needed to decide with it, in one folder, every file checked by a digest.

An ordinary Hugging Face checkpoint (``config.json``, ``model.safetensors``, ``tokenizer.json``) plus ``bundle.json``.
No torch here: files are read as bytes, and the bytes that are parsed are those that were verified.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from model.architectures import POSITION_OFFSET
from model.errors import BundleError
from model.vetting import (
    CONFIG,
    MANIFEST,
    MODEL_CARD,
    REQUIRED,
    parse_json,
    vet_config,
    vet_folder,
    vet_name,
    vet_tokenizer_config,
    vet_weights,
)
from schemas.taxonomy import ANY, NON_TOXIC, CategoryName, Taxonomy

DEFAULT_BUNDLE: Final = Path(__file__).with_name("bundled")
"""The bundle that ships with the product."""

FORMAT: Final = 1
_UNDECISIVE: Final = ("name", "metrics", "training", "thresholds", "files")
"""Parts of ``bundle.json`` that change no score (files are digested separately, without the model card)."""

Share = Annotated[float, Field(ge=0, le=1)]
BundleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


UNSUGGESTED: Final = 0.5
"""Threshold of every category when a bundle suggests none."""


class FileEntry(BaseModel):
    """Size and digest that a file must have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Description(BaseModel):
    """What is needed beside a checkpoint to decide with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BundleName
    taxonomy: Taxonomy
    labels: Annotated[dict[str, CategoryName | None], Field(min_length=1)]
    """Network output to category; None for an output that is not used.  Categories without an output score 0."""
    temperature: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    thresholds: dict[CategoryName, Share] = Field(default_factory=dict)
    """Suggested threshold by category; one without is not acted on.  Thresholds change no score.

    ``any`` is the threshold for the sum of their scores.
    """
    max_tokens: Annotated[int, Field(ge=4, le=8_192)] = 64
    """Maximum tokens that the network reads at once, with special ones; longer texts are read in windows."""
    gate: dict[str, JsonValue] | None = None
    """The learned gate's entry, which ``model.gate`` reads; its files are named ``gate.json``, ``gate.safetensors``."""
    metrics: dict[str, JsonValue] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)
    """What it was trained on: data fingerprint, base, recipe, licences."""

    @property
    def acting(self) -> dict[str, float]:
        """Return the thresholds to act from, by category, when there is no policy.

        As suggested; if nothing is suggested at all, 0.5 for every category with a severity above 0.
        """
        if self.thresholds:
            return dict(self.thresholds)
        return {category.name: UNSUGGESTED for category in self.taxonomy.categories if category.severity}

    @model_validator(mode="after")
    def _known(self) -> Self:
        named = {category for category in self.labels.values() if category is not None} | (set(self.thresholds) - {ANY})
        unknown = sorted(named - set(self.taxonomy.names))
        if unknown:
            raise ValueError(f"unknown categories: {', '.join(unknown)}; known: {', '.join(self.taxonomy.names)}")
        if not {category for category in self.labels.values() if category not in (None, NON_TOXIC)}:
            raise ValueError("no output has a category other than non_toxic; map at least one")
        return self


class Manifest(Description):
    """``bundle.json``: the description and the digest of every file."""

    format: Literal[1] = FORMAT
    files: dict[str, FileEntry]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle."""

    path: Path
    manifest: Manifest
    config: dict[str, Any]
    """The network's configuration, vetted."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Categories, in score order."""
        return self.manifest.taxonomy

    @property
    def outputs(self) -> tuple[int | None, ...]:
        """For each network output, in order, the position of its category; None if it is not used."""
        names = self.taxonomy.names
        by_label = self.manifest.labels
        categories = [by_label[label] for label in _output_labels(self.config)]
        return tuple(None if category is None else names.index(category) for category in categories)

    @property
    def multi_label(self) -> bool:
        """Whether outputs are independent probabilities (sigmoid) rather than a distribution (softmax)."""
        return self.config.get("problem_type") == "multi_label_classification"

    def read(self, name: str) -> bytes:
        """Return a file's bytes, checked against its digest.  Blocks on the disk.

        Raises:
            BundleError: the file is missing or altered.
        """
        return _read(self.path, name, self.manifest.files)


def load_bundle(path: Path) -> Bundle:
    """Load a bundle and check every file in it.  Blocks on the disk (about 1 s per GB).

    Raises:
        BundleError: something is missing, altered, unsafe or unknown; names the file and how to fix it.
    """
    present = vet_folder(path)
    manifest = _manifest(path / MANIFEST)
    for name in manifest.files:
        vet_name(path, name)
    missing = sorted({*REQUIRED, *manifest.files} - present)
    if missing:
        raise BundleError(f"{path}: {', '.join(missing)} missing; copy the bundle again")
    extra = sorted(present - set(manifest.files))
    if extra:
        raise BundleError(f"{path}: {', '.join(extra)} not listed in {MANIFEST}; remove it or write the bundle again")
    bundle = Bundle(path, manifest, _vetted_config(path, manifest))
    for name in manifest.files:
        _vet_content(path / name, bundle.read(name))
    _agree(bundle)
    return bundle


def write_bundle(path: Path, description: Description) -> Bundle:
    """Write ``bundle.json`` for the checkpoint files in ``path``, then load the bundle as a user would.

    Raises:
        BundleError: the files cannot be made into a bundle.
    """
    files = {name: _entry(path / name) for name in sorted(vet_folder(path))}
    document = description.model_dump(exclude={"files", "format"})
    manifest = Manifest.model_validate({**document, "files": {k: v.model_dump() for k, v in files.items()}})
    unfinished = path / f"{MANIFEST}.part"
    unfinished.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path / MANIFEST)
    return load_bundle(path)


def bundle_digest(bundle: Bundle) -> str:
    """Digest of everything in a bundle that scores depend on, for ``model.scorer``.  128 bits, in hex.

    The name, the model card, metrics and suggested thresholds are not part of it.
    """
    decisive = bundle.manifest.model_dump(mode="json", exclude=set(_UNDECISIVE))
    decisive["files"] = {name: entry.sha256 for name, entry in bundle.manifest.files.items() if _scores(name)}
    packed = json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def _scores(name: str) -> bool:
    return name not in (MODEL_CARD, "report.json", "LICENSE", "NOTICE")


def _manifest(path: Path) -> Manifest:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise BundleError(f"{path}: {exc.strerror}; make a bundle with `chatwarden bundle make`") from exc
    document = parse_json(path, raw)
    try:
        return Manifest.model_validate(document)
    except ValidationError as exc:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'bundle'}: {fault['msg']}"
            for fault in exc.errors(include_url=False, include_context=False, include_input=False)
        )
        raise BundleError(f"{path}: {faults}") from exc


def _read(path: Path, name: str, files: dict[str, FileEntry]) -> bytes:
    entry = files.get(name)
    if entry is None:
        raise BundleError(f"{path}: {name} is not listed in {MANIFEST}; write the bundle again")
    try:
        size = (path / name).stat().st_size
        if size != entry.size:
            raise BundleError(f"{path / name}: altered: {size:,} bytes, {MANIFEST} says {entry.size:,}; copy it again")
        raw = (path / name).read_bytes()
    except OSError as exc:
        raise BundleError(f"{path / name}: {exc.strerror}; copy the bundle again") from exc
    found = hashlib.sha256(raw).hexdigest()
    if found != entry.sha256:
        raise BundleError(
            f"{path / name}: altered: sha256 {found[:12]}…, {MANIFEST} says {entry.sha256[:12]}…; "
            "copy the bundle again, or write a new one if the change is yours"
        )
    return raw


def _entry(path: Path) -> FileEntry:
    raw = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))


def _vetted_config(path: Path, manifest: Manifest) -> dict[str, Any]:
    config = parse_json(path / CONFIG, _read(path, CONFIG, manifest.files))
    vet_config(path / CONFIG, config)
    return config


def _vet_content(path: Path, raw: bytes) -> None:
    if path.name.endswith(".safetensors"):
        vet_weights(path, raw)
    elif path.name == "tokenizer_config.json":
        vet_tokenizer_config(path, parse_json(path, raw))
    elif path.suffix == ".json":
        parse_json(path, raw)


def _output_labels(config: dict[str, Any]) -> list[str]:
    """Return the names of the network's outputs, in order; without names transformers assumes two."""
    names = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [names[key] for key in sorted(names, key=int)]


def _agree(bundle: Bundle) -> None:
    """Check that the manifest and the configuration agree."""
    place = bundle.path / MANIFEST
    try:
        outputs = _output_labels(bundle.config)
    except (TypeError, ValueError, AttributeError) as exc:
        raise BundleError(f"{bundle.path / CONFIG}: id2label is not a list of outputs ({exc}); correct it") from exc
    differing = sorted(set(map(str, outputs)) ^ set(bundle.manifest.labels))
    if differing or len(set(outputs)) != len(outputs):
        raise BundleError(f"{place}: labels and {CONFIG} id2label differ in: {', '.join(differing)}; map each output")
    if not bundle.multi_label and None in bundle.outputs:
        raise BundleError(f"{place}: every output of a softmax needs a category; map the unused ones to {NON_TOXIC}")
    if bundle.config.get("problem_type") == "regression" or (len(outputs) == 1 and not bundle.multi_label):
        raise BundleError(f"{bundle.path / CONFIG}: a regression gives no probabilities; train a classifier")
    refuse_beyond(bundle.manifest.max_tokens, bundle.path / CONFIG, bundle.config)


def refuse_beyond(max_tokens: int, place: Path, config: dict[str, Any]) -> None:
    """Refuse a maximum of tokens above the network's number of positions.

    Raises:
        BundleError: it has fewer; names both numbers.
    """
    positions = config.get("max_position_embeddings", 512)
    if not isinstance(positions, int):
        raise BundleError(f"{place}: max_position_embeddings is {positions!r}; correct it")
    usable = positions - POSITION_OFFSET.get(str(config.get("model_type")), 0)
    if max_tokens > usable:
        raise BundleError(f"{place}: max_tokens is {max_tokens}, the network has {usable} positions; give fewer tokens")
