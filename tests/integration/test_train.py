"""The workshop from end to end on a tiny network: it learns, it measures, it refuses a leak."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from model.bundle import Bundle, load_bundle
from model.errors import BundleError
from model.torch_classifier import TorchClassifier
from model.training.compare import contenders_of
from model.training.data import Columns, onto, read_mapped
from model.training.jobs import TrainJob, run_training
from model.training.labels import LabelMaps
from model.training.report import card
from model.training.settings import TrainingSettings
from schemas.taxonomy import Taxonomy
from stream.cli import app
from stream.errors import ConfigError, LimitsExceeded
from tests.support.checkpoints import TAXONOMY, write_checkpoint
from tests.support.labelled import lines, write_table, write_taxonomy

RUNNER = CliRunner()
SETTINGS = """
epochs = 6
learning_rate = 8e-3
batch_size = 32
max_tokens = 32
disguised = 0.1
patience = 6
metric = "macro_f1"
"""


def run(*arguments: object) -> Result:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelled lines, held-out lines, a taxonomy, a base and a bundle trained on them."""
    folder = tmp_path_factory.mktemp("studio")
    rows = lines(460)
    write_table(folder / "own.csv", rows[:400])
    mistaken = rows[459] | {"label": "non_toxic" if rows[459]["label"] != "non_toxic" else "insult"}
    write_table(folder / "held_back.csv", [*rows[400:459], mistaken])
    write_taxonomy(folder / "taxonomy.toml")
    write_checkpoint(folder / "base", spread=0.1)
    (folder / "settings.toml").write_text(f'base = "{folder / "base"}"\n{SETTINGS}')
    run(*train(folder, "bundle"), "--work", folder / "work")
    return folder


def train(folder: Path, name: str) -> list[object]:
    arguments: list[object] = ["train", folder / "own.csv", "-o", folder / name]
    return [*arguments, "--taxonomy", folder / "taxonomy.toml", "--settings", folder / "settings.toml"]


def test_it_learns(studio: Path) -> None:
    report = json.loads((studio / "bundle-report.json").read_text())
    assert report["bundle"]["binary"]["auc"][0] > 0.9
    assert report["bundle"]["macro_f1"][0] > 0.7
    scores = TorchClassifier(load_bundle(studio / "bundle"), "cpu")(["gg wp nice", "you idiot noob", "kill the mid"])
    assert [vector.index(max(vector)) for vector in scores] == [0, 1, 2]


def test_the_bundle_says_what_it_is(studio: Path) -> None:
    bundle = load_bundle(studio / "bundle")
    assert set(bundle.manifest.labels) == {"non_toxic", "insult", "threat"}
    assert bundle.manifest.temperature != 1
    assert bundle.manifest.thresholds
    assert bundle.manifest.training["data_fingerprint"]
    card = (studio / "bundle" / "README.md").read_text()
    for part in ("## Limits", "## Licences", "linear floor", "data fingerprint", "| own lines to train | 2"):
        assert part in card
    assert "| base | base |" in card
    assert str(studio) not in (studio / "bundle" / "bundle.json").read_text()
    assert "<h1>" in (studio / "bundle-report.html").read_text()


def test_the_card_promises_no_more_than_the_split_keeps(studio: Path) -> None:
    written = (studio / "bundle" / "README.md").read_text()
    assert "is in training.\nLines of one match may be on both sides: the lines were not split by match.\n" in written
    manifest = json.loads((studio / "bundle" / "bundle.json").read_text())
    manifest["training"]["split"] = "by match"
    measured = json.loads((studio / "bundle" / "report.json").read_text())
    measured["thresholds"]["note"] = "threat has none of its own"
    written = card(manifest, measured, None, {"own lines to train": 1_280})
    assert "is in training; nor is any match.\n" in written
    assert "Note: threat has none of its own.\n" in written
    assert "| own lines to train | 1,280 |" in written


def test_a_measurement_that_is_stopped_leaves_nothing_half_made(studio: Path) -> None:
    job = TrainJob(
        data=studio / "own.csv",
        output=studio / "stopped",
        settings=TrainingSettings.read(studio / "settings.toml", {}),
        taxonomy=Taxonomy.from_toml(studio / "taxonomy.toml"),
        columns=Columns(),
        work=studio / "work",
    )

    def stop(message: str) -> None:
        if message.startswith("fitting"):
            raise KeyboardInterrupt

    before = set(studio.iterdir())
    with pytest.raises(KeyboardInterrupt):
        run_training(job, stop)
    assert set(studio.iterdir()) == before


def test_a_run_that_stopped_goes_on_from_its_last_checkpoint(studio: Path) -> None:
    before = {path.name for path in (studio / "work").iterdir()}
    run(*train(studio, "again"), "--work", studio / "work")
    assert {path.name for path in (studio / "work").iterdir()} == before
    assert (
        load_bundle(studio / "again").manifest.files["model.safetensors"]
        == (load_bundle(studio / "bundle").manifest.files["model.safetensors"])
    )


def test_checkpoints_of_other_lines_or_another_seed_are_not_gone_on_from(studio: Path) -> None:
    write_table(studio / "other.csv", lines(430)[30:])
    other = train(studio, "other")
    other[1] = studio / "other.csv"
    for arguments, told in [
        ([*train(studio, "other"), "--seed", 99], "other held-out lines.*seed is 99, there 7"),
        (other, "other held-out lines"),
    ]:
        with pytest.raises(ConfigError, match=told):
            run(*arguments, "--work", studio / "work")
    assert not (studio / "other").exists()


def test_the_same_lines_and_seed_make_the_same_bytes(studio: Path) -> None:
    output = run(*train(studio, "twin")).output
    weights = "model.safetensors"
    assert (studio / "twin" / weights).read_bytes() == (studio / "bundle" / weights).read_bytes()
    steps = [line for line in output.splitlines() if line.startswith("step ")]
    assert steps[-1].startswith("step 54 of 54: loss"), "no terminal shows the bar"


def test_training_goes_on_from_what_a_bundle_knows(studio: Path) -> None:
    rows = [row for row in lines(700)[460:] if row["label"] != "threat"]
    write_table(studio / "more.csv", rows)
    arguments = train(studio, "further")
    arguments[1] = studio / "more.csv"
    output = run(*arguments, "--base", studio / "bundle", "--learning-rate", 1e-4, "--epochs", 1).output
    assert "the categories start as the base has them: non_toxic, insult, threat\n" in output
    bundle = load_bundle(studio / "further")
    assert set(bundle.manifest.labels.values()) == {"non_toxic", "insult", "threat"}
    scores = TorchClassifier(bundle, "cpu")(["gg wp nice", "you idiot noob", "kill the mid"])
    assert [vector.index(max(vector)) for vector in scores] == [0, 1, 2], "no line of a threat was given"


def test_a_leak_is_refused(studio: Path) -> None:
    rows = [*lines(500)[450:], {"text": "  GG WP nice!! ", "label": "non_toxic", "match": ""}]
    write_table(studio / "leaking.csv", rows)
    write_table(studio / "knows.csv", [*lines(400), {"text": "gg wp nice", "label": "non_toxic", "match": ""}])
    arguments = train(studio, "leaked")
    arguments[1] = studio / "knows.csv"
    with pytest.raises(ConfigError, match=r"leaking\.csv: 1 texts and 0 matches occur in both the training"):
        run(*arguments, "--test", studio / "leaking.csv")
    assert not (studio / "leaked").exists()


def test_a_match_on_both_sides_is_a_leak_and_half_of_the_matches_are_not_enough(studio: Path) -> None:
    rows = lines(140, match="m")
    write_table(studio / "matched.csv", rows[:120])
    write_table(studio / "same_match.csv", [{"text": "burn the noob", "label": "threat", "match": "m4"}, *rows[120:]])
    write_table(studio / "half.csv", [*rows[:100], *[row | {"match": ""} for row in rows[100:]]])
    arguments = [*train(studio, "leaked"), "--match", "match"]
    arguments[1] = studio / "matched.csv"
    with pytest.raises(ConfigError, match=r"same_match\.csv: 0 texts and 1 matches occur in both the training"):
        run(*arguments, "--test", studio / "same_match.csv")
    arguments[1] = studio / "half.csv"
    with pytest.raises(ConfigError, match=r"half\.csv: 40 of 140 lines have no value in column 'match'"):
        run(*arguments)


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_match_of_the_held_back_lines_is_not_to_train_the_floor(studio: Path, command: str) -> None:
    rows = lines(140, match="m")
    write_table(studio / "matched.csv", rows[:120])
    write_table(studio / "same_match.csv", [{"text": "burn the noob", "label": "threat", "match": "m4"}, *rows[120:]])
    bundle: list[str | Path] = [studio / "bundle"] if command == "compare" else ["--model", studio / "bundle"]
    arguments = [command, studio / "same_match.csv", *bundle, "-o", studio / "never"]
    arguments += ["--taxonomy", studio / "taxonomy.toml", "--train", studio / "matched.csv", "--match", "match"]
    with pytest.raises(ConfigError, match="0 texts and 1 matches occur in both"):
        run(*arguments)


def test_labels_without_a_meaning_are_listed(studio: Path) -> None:
    write_table(studio / "odd.csv", [{"text": "gg", "label": "rude"}, {"text": "wp", "label": "ruder"}])
    arguments = train(studio, "odd")
    arguments[1] = studio / "odd.csv"
    with pytest.raises(ConfigError, match=r"'rude' \(row 1\)\n.*'ruder' \(row 2\)"):
        run(*arguments)


def test_evaluate_measures_and_holds_to_limits(studio: Path) -> None:
    arguments = ["evaluate", studio / "held_back.csv", "--model", studio / "bundle", "-o", studio / "measured"]
    arguments += ["--taxonomy", studio / "taxonomy.toml", "--train", studio / "own.csv"]
    assert "linear floor" in run(*arguments).output
    measured = json.loads((studio / "measured.json").read_text())["bundle"]
    assert measured["rows"] == 60
    assert sum(map(sum, measured["confusion"]["table"])) == 60
    assert measured["functional"]["cases"] > 200
    assert 0 <= measured["identity"]["min_bpsn"] <= 1
    assert set(measured["robustness"]["kinds"]) >= {"leet", "lookalike", "spaced"}
    with pytest.raises(LimitsExceeded, match=r"AUC .* is below 1\.0"):
        run(*arguments[:-2], "--least-auc", 1.0, "--least-macro-f1", 1.0)


def test_compare_puts_one_stage_and_two_stages_side_by_side(studio: Path) -> None:
    arguments = ["compare", studio / "held_back.csv", studio / "bundle", "--taxonomy", studio / "taxonomy.toml"]
    arguments += ["--two-stage", f"{studio / 'bundle'}:{studio / 'bundle'}", "--train", studio / "own.csv"]
    output = run(*arguments, "-o", studio / "compared.json").output
    compared = json.loads((studio / "compared.json").read_text())
    assert list(compared) == ["bundle, one stage", "bundle → bundle, two stages", "linear floor"]
    assert all(name in output for name in compared)
    one, two = compared["bundle, one stage"], compared["bundle → bundle, two stages"]
    assert two["binary"]["f1"] == one["binary"]["f1"]


def test_no_network_is_loaded_while_a_bundle_is_unfit(studio: Path) -> None:
    loaded: list[str] = []

    def load(bundle: Bundle) -> TorchClassifier:
        loaded.append(bundle.manifest.name)
        return TorchClassifier(bundle, "cpu")

    with pytest.raises(BundleError, match="nowhere"):
        contenders_of([studio / "bundle", studio / "nowhere"], [], TAXONOMY, load)
    assert loaded == []
    contenders_of([studio / "bundle"], [(studio / "bundle", studio / "bundle")], TAXONOMY, load)
    assert loaded == ["bundle"]


def write_public(folder: Path) -> Path:
    """Write a folder with one public set, in the columns of the real one: insults, threats, and a kind we lack."""
    folder.mkdir()
    columns = ("comment_text", "toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
    rows = []
    for row in lines(120, seed=11):
        marks = {"comment_text": row["text"], "threat": "0", "insult": "0"} | {row["label"]: "1"}
        rows.append({name: marks.get(name, "0") for name in columns})
    rows += [dict.fromkeys(columns, "0") | {"comment_text": f"burn {n}", "identity_hate": "1"} for n in range(5)]
    table = write_table(folder / "jigsaw.csv", rows)
    (folder / "jigsaw_six_labels.csv.gz").write_bytes(gzip.compress(table.read_bytes()))
    return folder


def test_public_sets_help_and_the_learning_curve_says_how_much(studio: Path) -> None:
    write_table(studio / "few.csv", lines(150))
    arguments = train(studio, "few")
    arguments[1] = studio / "few.csv"
    arguments += ["--public", write_public(studio / "public"), "--sources", "jigsaw"]
    assert "only 119 own lines to draw from; left out: 5000" in run(*arguments, "--learning-curve", "40,5000").output
    report = json.loads((studio / "few-report.json").read_text())
    points = report["few"]["learning_curve"]
    assert [(point["labels"], point["train"], point["develop"]) for point in points] == [(40, 32, 8), (119, 105, 14)]
    assert all(0 <= point["auc"][1] <= point["auc"][0] <= point["auc"][2] <= 1 for point in points)
    assert "Learning curve" in (studio / "few-report.html").read_text()
    bundle = load_bundle(studio / "few")
    assert bundle.manifest.training["public_sets"] == "jigsaw"


def test_public_lines_of_a_kind_we_lack_are_left_out(tmp_path: Path) -> None:
    maps = LabelMaps.read()
    public = read_mapped(write_public(tmp_path / "public"), ["jigsaw"], maps, [])
    brought = onto(public, maps.taxonomy, TAXONOMY)
    assert len(public) - len(brought) == 5
    assert {category for target in brought.targets for category in target.categories} == {0, 1, 2}
