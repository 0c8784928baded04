"""The jobs of the workshop's commands: files in, bundles and reports out."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from model.bundle import Bundle, bundle_digest, load_bundle
from model.checkpoint import vet_base
from model.cores import usable_cores
from model.errors import DataError, LeakError
from model.training.acting import of_all_severe
from model.training.beforehand import refuse_half_matched, refuse_places, refuse_sizes, report_of
from model.training.data import Columns, Labelled, Sides, bind, hold_back, onto, read_mapped, read_own, split_own
from model.training.evaluate import Document, Given, Progress, by_default, evaluation, remembering, scoring
from model.training.floor import fit_floor
from model.training.labels import LabelMaps
from model.training.metrics import Bootstrap
from model.training.report import write_report
from model.training.sources import read_public
from model.training.tables import check_there
from schemas.taxonomy import Taxonomy

if TYPE_CHECKING:
    from model.training.settings import TrainingSettings

NOTHING: Final = Given(Labelled(), Labelled())


@dataclass(frozen=True, slots=True)
class TrainJob:
    """One call of ``train``."""

    data: Path
    output: Path
    settings: "TrainingSettings"
    taxonomy: Taxonomy
    columns: Columns
    label_map: Path | None = None
    test: Path | None = None
    public: Path | None = None
    sources: tuple[str, ...] = ()
    work: Path | None = None
    curve: tuple[int, ...] = ()
    """Sizes of the learning curve; without any, no curve."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    @property
    def report(self) -> Path:
        """The path of the report, beside the bundle."""
        return report_of(self.output)


@dataclass(frozen=True, slots=True)
class EvaluateJob:
    """One call of ``evaluate`` or ``compare``."""

    bundles: tuple[Path, ...]
    data: Path
    taxonomy: Taxonomy
    columns: Columns
    label_map: Path | None = None
    train: Path | None = None
    """Training lines of the floor; without any, no floor."""
    functional: Path | None = None
    """Folder with the public probe sets (HateCheck, identity templates)."""
    device: str = "auto"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


def run_training(job: TrainJob, progress: Progress) -> list[Path]:
    """Train, measure and write; return what was written.  Blocks for as long as training takes.

    Bundle, card and report are written together or not at all.  If several processes train together, the leader alone
    writes; the others return nothing.

    Raises:
        ModelError: data, settings, base or output cannot be used, or the split would leak.
        OSError: an output cannot be written; raised before anything is read.
    """
    from model.training.few_shot import learning_curve, parts_of
    from model.training.fit import Order, fit

    refuse_sizes(job.curve)
    refuse_places(job.output, job.work)
    sides = own_sides(job)
    progress(f"checking {job.settings.base}")
    vet_base(job.settings.base, job.settings.max_tokens)
    public = _public(job, sides)
    parts = parts_of(sides, public, job.curve, job.settings.seed, job.taxonomy, progress) if job.curve else []
    notes = {"own_data": job.data.name, "public_sets": ", ".join(job.sources) if job.public else "none"}
    notes["split"] = "by match" if job.columns.match else "by text"
    with tempfile.TemporaryDirectory(dir=job.output.parent, prefix=f".{job.output.name}-") as unfinished:
        place = Path(unfinished, job.output.name)
        order = Order(job.output.name, place, job.taxonomy, job.settings, job.work, notes)
        fitted = fit(order, sides, public, NOTHING, progress, job.bootstrap)
        curve = learning_curve(order, parts, sides.test, public, progress, job.bootstrap) if parts else []
        if fitted is None:
            return []
        evaluations = {order.name: fitted.evaluation, "linear floor": fitted.floor}
        if parts:
            evaluations[order.name]["learning_curve"] = curve
        reports = write_report(job.report, f"{order.name}, held-out lines", evaluations)
        if job.output.exists():
            job.output.rmdir()
        place.rename(job.output)
    return [job.output, *reports]


def _public(job: TrainJob, sides: Sides) -> Labelled:
    if job.public is None:
        return Labelled()
    maps = LabelMaps.read()
    closed = [*sides.dev.examples, *sides.test.examples]
    return onto(read_mapped(job.public, job.sources, maps, closed), maps.taxonomy, job.taxonomy)


def own_sides(job: TrainJob) -> Sides:
    """Read the own lines and split them; a given held-out file replaces the test side.

    Raises:
        DataError: only some lines have a match.
        LeakError: a text or match of the held-out file is in the training data.
    """
    check_there(job.data, job.test)
    own = read_own(job.data, job.columns, job.taxonomy, job.label_map)
    refuse_half_matched(job.data, job.columns.match, own)
    sides = split_own(own, dev=job.settings.dev, test=job.settings.test, seed=job.settings.seed)
    if job.test is None:
        return sides
    held_back = read_own(job.test, job.columns, job.taxonomy, job.label_map)
    refuse_half_matched(job.test, job.columns.match, held_back)
    try:
        hold_back(own, held_back)
    except LeakError as exc:
        raise LeakError(f"{job.test}: {exc}") from exc
    return Sides(sides.train, sides.dev, held_back)


def run_evaluation(job: EvaluateJob, progress: Progress) -> dict[str, Document]:
    """Measure each bundle, and the floor if it has training lines, on the same lines; by name.

    Raises:
        ModelError: a bundle or the data cannot be used, a bundle has another taxonomy, or the floor's lines leak.
    """
    data, learn = lines_to_measure(job.data, job.train, job.columns, job.taxonomy, job.label_map)
    given = _given(job.functional, job.taxonomy)
    found: dict[str, Document] = {}
    for bundle in [_bundle(path, job.taxonomy) for path in job.bundles]:
        progress(f"measuring {bundle.manifest.name}")
        found[bundle.manifest.name] = measure(bundle, data, job, given, progress)
    if learn is not None:
        progress("fitting the linear floor")
        floor = fit_floor(learn, len(job.taxonomy.names))
        found["linear floor"] = evaluation(floor, data, job.taxonomy, given, progress, job.bootstrap)
    return found


def lines_to_measure(
    data: Path, train: Path | None, columns: Columns, taxonomy: Taxonomy, label_map: Path | None
) -> tuple[Labelled, Labelled | None]:
    """Read the held-out lines, and the floor's training lines if any.

    Raises:
        DataError: a file cannot be used, or only some of its lines have a match.
        LeakError: a text or match is on both sides.
    """
    check_there(data, train)
    held_back, *learn = [
        _matched(read_own(path, columns, taxonomy, label_map), path, columns) for path in (data, train) if path
    ]
    for lines in learn:
        hold_back(lines, held_back)
    return held_back, next(iter(learn), None)


def _matched(lines: Labelled, path: Path, columns: Columns) -> Labelled:
    refuse_half_matched(path, columns.match, lines)
    return lines


def measure(bundle: Bundle, data: Labelled, job: EvaluateJob, given: Given, progress: Progress) -> Document:
    """Measure one bundle, whose categories are those of the data."""
    from model.torch_classifier import TorchClassifier

    device: Any = job.device
    score = remembering(scoring(TorchClassifier(bundle, device, threads=usable_cores())))
    found = evaluation(score, data, job.taxonomy, given, progress, job.bootstrap)
    acting = of_all_severe(bundle.manifest.acting, job.taxonomy)
    found["default_policy"] = by_default(score, data, job.taxonomy, acting, job.bootstrap)
    return {"bundle": {"name": bundle.manifest.name, "digest": bundle_digest(bundle)}, **found}


def _bundle(path: Path, taxonomy: Taxonomy) -> Bundle:
    bundle = load_bundle(path)
    if bundle.taxonomy.names != taxonomy.names:
        theirs, ours = ", ".join(bundle.taxonomy.names), ", ".join(taxonomy.names)
        raise DataError(f"{path}: its categories are {theirs}, those of the data {ours}; give its --taxonomy")
    return bundle


def _given(folder: Path | None, taxonomy: Taxonomy) -> Given:
    if folder is None:
        return NOTHING
    maps = LabelMaps.read()
    sets = [bind(read_public(folder, name), maps) for name in ("hatecheck", "madlibs")]
    return Given(*(onto(data, maps.taxonomy, taxonomy) for data in sets))
