"""The composition root: what takes part, in which order, under which digest; what is said when a part is missing."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.bundle import Bundle
from model.classifier import ClassifierDown
from model.memory import MemoryResolver
from model.policy import Circumstances
from model.resolver import Answer, Scores, Text
from model.scorer import Scorer
from stream import wiring
from stream.errors import ConfigError
from stream.metrics import PrometheusMetrics
from stream.records import Chunk, Outgoing, Record
from stream.settings import Settings
from tests.support.checkpoints import describe, tiny_bundle
from tests.support.judges import an_event


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(
        tmp_path_factory.mktemp("bundle") / "tiny", describe(thresholds={"insult": 0.25, "threat": 0.95})
    )


def settings_for(bundle: Bundle, **sections: dict[str, object]) -> Settings:
    return Settings.model_validate({**sections, "model": {"bundle": bundle.path, "device": "cpu"}})


def kinds(scorer: Scorer) -> list[str]:
    return [resolver.kind for resolver in scorer.resolvers]


def test_resolvers_stand_in_order_of_price(bundle: Bundle) -> None:
    scorer = wiring.scorer(settings_for(bundle, redis={"url": "redis://127.0.0.1:1/0"}))
    assert kinds(scorer) == ["cache", "rule", "cache", "classifier"]
    assert isinstance(scorer.resolvers[0], MemoryResolver)


def test_nothing_stands_before_the_classifier_alone(bundle: Bundle) -> None:
    scorer = wiring.scorer(
        settings_for(bundle, redis={"url": "redis://127.0.0.1:1/0"}, pipeline={"resolvers": ["classifier"]})
    )
    assert kinds(scorer) == ["classifier"]


def test_without_the_classifier_there_is_nothing_to_share(bundle: Bundle) -> None:
    sections: dict[str, dict[str, object]] = {
        "redis": {"url": "redis://127.0.0.1:1/0"},
        "pipeline": {"resolvers": ["rules"], "memory_size": 0},
    }
    assert kinds(wiring.scorer(settings_for(bundle, **sections))) == ["rule"]


def test_the_digest_says_who_takes_part_and_nothing_of_the_caches(bundle: Bundle) -> None:
    both = wiring.scorer(settings_for(bundle)).digest
    assert wiring.scorer(settings_for(bundle, pipeline={"memory_size": 0})).digest == both
    assert wiring.scorer(settings_for(bundle, pipeline={"resolvers": ["classifier"]})).digest != both
    assert wiring.scorer(settings_for(bundle, policy={"packs": {"default": "kids"}})).digest != both


def test_an_event_goes_all_the_way(bundle: Bundle) -> None:
    judge = wiring.judge(settings_for(bundle), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    (result,) = judge(Chunk([Record(an_event("zq xw"), 0)])).results
    assert isinstance(result, Outgoing)
    assert b'"resolved_by":"classifier"' in result.verdict


def test_scores_cover_the_categories_that_packs_add(bundle: Bundle) -> None:
    settings = settings_for(bundle, pipeline={"resolvers": ["classifier"]})
    scorer = wiring.scorer(settings)
    assert len(scorer.taxonomy.names) > len(bundle.taxonomy.names)
    judge = wiring.judge(settings, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    (result,) = judge(Chunk([Record(an_event(), 0)])).results
    assert isinstance(result, Outgoing)
    assert all(f'"{name}":'.encode() in result.verdict for name in scorer.taxonomy.names)


def test_without_a_policy_the_bundles_thresholds_hold(bundle: Bundle) -> None:
    taxonomy = wiring.load_parts(settings_for(bundle)).taxonomy
    decide = wiring.decider(settings_for(bundle), taxonomy)

    def action(**scores: float) -> str:
        vector = tuple(scores.get(name, 0.0) for name in taxonomy.names)
        return decide(Answer(vector, "classifier"), Circumstances("default", None, "")).action

    assert action(insult=0.24) == "allow"
    assert action(insult=0.25) == "flag"
    assert action(insult=0.9) == "block"
    assert action(threat=0.94) == "allow"
    assert action(threat=0.95) == "block"


def test_without_a_policy_what_categories_come_to_together_flags_and_never_blocks(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "any", describe(thresholds={"insult": 0.8, "threat": 0.8, "any": 0.9}))
    taxonomy = wiring.load_parts(settings_for(bundle)).taxonomy
    decide = wiring.decider(settings_for(bundle), taxonomy)

    def decided(insult: float, threat: float) -> tuple[str, str]:
        vector = tuple({"insult": insult, "threat": threat}.get(name, 0.0) for name in taxonomy.names)
        return decide(Answer(vector, "classifier"), Circumstances("default", None, ""))[:2]

    assert decided(0.5, 0.399) == ("allow", "non_toxic")
    assert decided(0.5, 0.4) == ("flag", "insult")
    assert decided(0.3, 0.7) == ("flag", "threat")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"bundle": "nowhere"}}, r"model\.bundle: nowhere"),
        ({"policy": {"path": "nowhere.toml"}}, r"policy\.path: nowhere\.toml"),
        ({"policy": {"packs": {"arena": "nowhere"}}}, r"policy\.packs: .*nowhere"),
        ({"redis": {"url": "nowhere"}}, r"redis\.url: must begin"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_setting(
    bundle: Bundle, sections: dict[str, dict[str, object]], message: str
) -> None:
    document = {"model": {"bundle": bundle.path}, **sections}
    with pytest.raises(ConfigError, match=message):
        wiring.judge(Settings.model_validate(document), lambda: datetime.now(UTC))


def test_a_policy_for_other_categories_is_refused_by_name(bundle: Bundle, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "other"\n[thresholds.heresy]\nflag = 0.5\n')
    with pytest.raises(ConfigError, match=r"policy\.path: .*policy\.toml:2: thresholds\.heresy: unknown category"):
        wiring.judge(settings_for(bundle, policy={"path": policy}), lambda: datetime.now(UTC))


class Failing:
    """Stands for the classifier of a bundle; down until it is told otherwise."""

    def __init__(self, bundle: Bundle, *_: object, **__: object) -> None:
        self._width = len(bundle.taxonomy.names)
        Failing.made, self.down = self, True

    made: "Failing"

    def __call__(self, texts: Sequence[str]) -> list[Scores]:
        if self.down:
            raise ClassifierDown("on purpose")
        return [(0.0,) * self._width] * len(texts)


def test_messages_that_pass_unscored_are_told_of(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("model.torch_classifier.TorchClassifier", Failing)
    metrics = PrometheusMetrics()
    settings = settings_for(bundle, pipeline={"resolvers": ["classifier"], "classifier_down": "pass"})
    scorer = wiring.scorer(settings, metrics)
    caplog.clear()
    for _ in range(2):
        scorer([Text("one")])
    assert caplog.messages == ["the classifier is down; messages pass unscored: on purpose"]
    assert 'chatwarden_degraded{component="classifier"} 1.0' in metrics.exposition().decode()
    Failing.made.down = False
    for _ in range(2):
        scorer([Text("one")])
    assert caplog.messages[1:] == ["the classifier is back; messages are scored again"]
    assert 'chatwarden_degraded{component="classifier"} 0.0' in metrics.exposition().decode()


def test_a_missing_gate_is_told_of(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        wiring.scorer(settings_for(bundle, pipeline={"resolvers": ["rules", "gate"]}))
    assert "no gate" in caplog.text


@pytest.mark.parametrize("pack", ["kids", "moba", "shooter"])
def test_a_shipped_pack_serves_a_model_that_lacks_its_categories(
    bundle: Bundle, caplog: pytest.LogCaptureFixture, pack: str
) -> None:
    settings = settings_for(bundle, pipeline={"resolvers": ["rules"]}, policy={"packs": {"default": pack}})
    decides = wiring.decider(settings, wiring.scorer(settings).taxonomy)
    assert decides(Answer((1.0,) + (0.0,) * 10, "rule"), Circumstances("", None, "")).action == "allow"
    assert f"rule pack {pack!r} has thresholds for" in caplog.text
    assert "taunt" in caplog.text
