"""The gate: what it clears, under which policies, and what of a bundle it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.bundle import Bundle, write_bundle
from model.errors import BundleError
from model.gate import (
    WEIGHTS_FILE,
    GateEntry,
    GateResolver,
    acting_limits,
    categories_out,
    gate_thresholds,
    load_gate,
)
from model.gate_net import MAX_TOKENS
from model.pieces import pieces_of
from model.policy import Limits, Override, Policy
from model.resolver import Answer, Text
from model.training.gate import write_gate
from schemas.taxonomy import ANY
from tests.support.checkpoints import TAXONOMY, describe, tiny_bundle
from tests.support.gates import MARKED, a_gate, a_net, entry, weights

OUT = ["insult", "threat"]


def a_policy(flag: float, *overrides: Override) -> Policy:
    return Policy(name="test", thresholds={"insult": Limits(flag=flag)}, overrides=overrides)


def a_resolver(**thresholds: float) -> GateResolver:
    return GateResolver(a_gate(), thresholds or {"": 0.0}, TAXONOMY)


def test_what_looks_harmless_is_cleared_and_the_rest_left_open() -> None:
    clean, marked = a_resolver()([Text("hello there"), Text(f"you {MARKED} player")])
    assert isinstance(clean, Answer)
    assert clean.resolved_by == "gate"
    assert clean.scores[0] > 0.5
    assert clean.scores[1:] == (0.0, 0.0, 0.0)
    assert marked is None


@pytest.mark.parametrize("text", ["r0tten", "r o t t e n", "rottttten", "you r.o.t.t.e.n", "rоttеn"])
def test_a_disguised_text_is_not_cleared(text: str) -> None:
    assert a_resolver()([Text(text)]) == [None]


def test_a_text_too_long_to_be_read_is_not_cleared() -> None:
    short, long = a_resolver()([Text("a " * (MAX_TOKENS - 1) + "a"), Text("a " * MAX_TOKENS + "a")])
    assert short is not None
    assert long is None


def test_only_packs_that_a_point_covers_are_cleared() -> None:
    ours, other = a_resolver(**{"": 0.0})([Text("hello"), Text("hello", "", "kids")])
    assert ours is not None
    assert other is None


def test_an_empty_text_and_no_text_are_no_trouble() -> None:
    assert a_resolver()([]) == []
    (empty,) = a_resolver()([Text("")])
    assert empty is not None


@pytest.mark.parametrize(
    ("flag", "kept", "threshold"),
    [(0.5, 0.99, 0.0), (0.7, 0.99, 0.0), (0.5, 0.995, -1.0), (0.3, 0.99, -1.0), (0.2, 0.999, -2.0), (0.1, 0.99, None)],
)
def test_the_mildest_point_that_covers_the_policy_is_taken(flag: float, kept: float, threshold: float | None) -> None:
    found = gate_thresholds(entry(), kept, a_policy(flag), {}, OUT)
    assert found.get("") == threshold


def test_a_share_that_no_point_keeps_turns_the_gate_off() -> None:
    assert gate_thresholds(entry(), 0.9999, a_policy(0.5), {}, OUT) == {}


def test_an_override_makes_only_what_it_can_meet_stricter() -> None:
    strict = {"insult": Limits(flag=0.1)}
    by_game = {"small": "kids", "large": "moba"}
    one_game = a_policy(0.5, Override(game="small", thresholds=strict))
    assert set(gate_thresholds(entry(), 0.99, one_game, by_game, OUT)) == {"", "moba"}
    whispers = a_policy(0.5, Override(channel_kind="whisper", thresholds=strict))
    assert gate_thresholds(entry(), 0.99, whispers, by_game, OUT) == {}
    unnamed_game = a_policy(0.5, Override(game="other", thresholds=strict))
    assert set(gate_thresholds(entry(), 0.99, unnamed_game, by_game, OUT)) == {"kids", "moba"}


def test_a_category_that_the_point_does_not_know_turns_the_gate_off() -> None:
    policy = Policy(name="test", thresholds={"insult": Limits(flag=0.5), "taunt": Limits(flag=0.9)})
    assert gate_thresholds(entry(), 0.99, policy, {}, [*OUT, "taunt"]) == {}
    assert gate_thresholds(entry(), 0.99, policy, {}, OUT) != {}, "what the network never says cannot be missed"
    assert acting_limits(policy, "", {}, OUT) == {"insult": 0.5}


def test_a_limit_on_any_of_them_needs_a_point_that_has_one() -> None:
    policy = Policy(name="test", thresholds={"insult": Limits(flag=0.5), ANY: Limits(flag=0.7)})
    assert acting_limits(policy, "", {}, OUT) == {"insult": 0.5, ANY: 0.7}
    assert gate_thresholds(entry(), 0.99, policy, {}, OUT) == {}
    (point, *_) = entry().points
    with_any = point.model_copy(update={"limits": {**point.limits, ANY: 0.7}})
    assert gate_thresholds(GateEntry(scale=1.0, points=(with_any,)), 0.99, policy, {}, OUT) != {}
    assert gate_thresholds(GateEntry(scale=1.0, points=(with_any,)), 0.99, a_policy(0.5), {}, OUT) != {}
    adding_less = point.model_copy(update={"limits": {"insult": 0.5, ANY: 0.4}})
    assert gate_thresholds(GateEntry(scale=1.0, points=(adding_less,)), 0.99, policy, {}, OUT) == {}
    assert gate_thresholds(GateEntry(scale=1.0, points=(adding_less,)), 0.99, a_policy(0.5), {}, OUT) != {}


def test_the_digest_follows_the_thresholds() -> None:
    assert a_resolver(**{"": 0.0}).digest != a_resolver(**{"": 0.5}).digest


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "bundle")


def test_a_gate_travels_in_its_bundle(bundle: Bundle) -> None:
    assert load_gate(bundle) is None
    written = write_gate(bundle, weights(), entry())
    gate = load_gate(written)
    assert gate is not None
    assert gate.entry == entry()
    texts = ["hello there", MARKED, "e50 at b4", "что это"]
    assert np.array_equal(gate.net(texts), a_net()(texts))
    assert categories_out(written) == {"insult", "threat"}
    assert load_gate(write_gate(written, weights(4), entry())) is not None, "writing again replaces it"


def test_a_gate_may_read_by_the_classifiers_own_pieces(bundle: Bundle) -> None:
    pieces = pieces_of(bundle)
    by_pieces = entry().model_copy(update={"reads": "pieces"})
    noisy = weights()
    noisy = noisy._replace(words=100 * noisy.words, words_bias=0 * noisy.words_bias, hidden=100 * noisy.hidden)
    fitting = noisy._replace(grams=noisy.grams[: pieces.rows])
    gate = load_gate(write_gate(bundle, fitting, by_pieces))
    assert gate is not None
    alike, other = gate.net(["noob idiot", "noob idiot"]), gate.net(["noob trash"])
    assert alike[0] == alike[1] != other[0]
    assert gate.net(["noobidiot"])[0] != alike[0]
    with pytest.raises(BundleError, match=rf"1024 rows for {pieces.rows} pieces"):
        load_gate(write_gate(bundle, weights(), by_pieces))


def test_an_altered_or_odd_gate_is_refused(bundle: Bundle) -> None:
    written = write_gate(bundle, weights(), entry())
    raw = (bundle.path / WEIGHTS_FILE).read_bytes()
    (bundle.path / WEIGHTS_FILE).write_bytes(raw[:-1] + b"x")
    with pytest.raises(BundleError, match="altered"):
        load_gate(written)
    save_file({"grams": weights().grams}, bundle.path / WEIGHTS_FILE)
    described = written.manifest.model_dump(exclude={"files", "format"})
    with pytest.raises(BundleError, match="not a gate"):
        load_gate(write_bundle(bundle.path, describe(**{**described, "gate": entry().model_dump(mode="json")})))
    with pytest.raises(BundleError, match=r"gate\.points"):
        load_gate(write_bundle(bundle.path, describe(**{**described, "gate": {"scale": 1.0}})))


def test_the_entry_survives_json() -> None:
    assert GateEntry.model_validate(json.loads(entry().model_dump_json())) == entry()
