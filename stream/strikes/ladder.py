"""The ladder: how much offences weigh, how fast they fade and what they lead to, per game, as data.

A ladder file has a ``[default]`` table and, under ``[games."<game_id>"]``, only what differs there.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from model.toml_lines import holds, line_of
from schemas.strike import StrikeAction
from stream.errors import ConfigError

# Strict: booleans and strings are not numbers.
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Switch = Annotated[bool, Field(strict=True)]
Seconds = Annotated[Whole, Field(gt=0, le=366 * 86_400)]
Share = Annotated[Number, Field(gt=0, lt=1)]
Weight = Annotated[Number, Field(ge=0, le=1_000)]
Count = Annotated[Whole, Field(ge=1, le=1_000)]
Crowd = Annotated[Whole, Field(ge=2, le=100)]
Positive = Annotated[Number, Field(gt=0)]


def _is_brief(consequence: Mapping[str, Any]) -> bool:
    """Whether a consequence names an action that has no duration."""
    action: object = consequence.get("action", "mute")
    return action != "mute"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Consequence(_Part):
    action: StrikeAction
    duration_s: Seconds | None = None
    """How long a mute lasts; a warning and a referral have none."""

    @model_validator(mode="before")
    @classmethod
    def _unmute(cls, given: Any) -> Any:
        """Drop the default's duration with its action, since TOML has no null."""
        return {"duration_s": None, **given} if isinstance(given, dict) and _is_brief(given) else given

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.action == "mute" and self.duration_s is None:
            raise ValueError("a mute needs duration_s")
        if self.action != "mute" and self.duration_s is not None:
            raise ValueError(f"only a mute has duration_s, not {self.action!r}")
        return self


class Rung(_Consequence):
    """One step of escalation, reached with ``points``."""

    points: Positive


class Flood(_Consequence):
    """One player says the same thing ``repeats`` times within ``window_s``."""

    enabled: Switch = True
    action: StrikeAction = "mute"
    duration_s: Seconds | None = 300
    window_s: Seconds = 30
    repeats: Crowd = 6
    cool_down_s: Seconds = 60


class Pattern(_Consequence):
    """Many mild messages of one player add up, though each was allowed.

    A message counts by how far the log-odds of its toxicity exceed those of ``floor``: the contrast with what
    ordinary chat looks like.  ``sum`` adds these excesses up; ``percentile`` takes their ``percentile``, so that
    no single message can trigger it.  Follows the player-level aggregation of Roblox Sentinel.
    """

    enabled: Switch = True
    action: StrikeAction = "refer"
    window_s: Seconds = 3_600
    floor: Share = 0.1
    measure: Literal["sum", "percentile"] = "sum"
    percentile: Share = 0.75
    threshold: Positive = 12.0
    min_messages: Count = 8
    cool_down_s: Seconds = 3_600


class Raid(_Consequence):
    """Many players say the same thing in one channel within ``window_s``."""

    enabled: Switch = True
    action: StrikeAction = "refer"
    window_s: Seconds = 60
    players: Crowd = 6
    min_toxicity: Annotated[Number, Field(ge=0, lt=1)] = 0.1
    """Less toxic texts do not count, so that a whole lobby may say "good game"."""
    cool_down_s: Seconds = 300


class PileOn(_Consequence):
    """A channel's share of flagged messages jumps above its baseline."""

    enabled: Switch = True
    action: StrikeAction = "refer"
    window_s: Seconds = 60
    baseline_s: Seconds = 900
    leap: Annotated[Number, Field(gt=1)] = 3.0
    min_share: Share = 0.3
    min_messages: Count = 20
    min_players: Annotated[Whole, Field(ge=1, le=100)] = 4
    cool_down_s: Seconds = 600

    @model_validator(mode="after")
    def _has_a_baseline(self) -> Self:
        if self.baseline_s <= self.window_s:
            raise ValueError("baseline_s must be longer than window_s")
        return self


RUNGS: Final = (
    Rung(points=2, action="warn"),
    Rung(points=5, action="mute", duration_s=600),
    Rung(points=10, action="mute", duration_s=86_400),
    Rung(points=20, action="refer"),
)


class Ladder(_Part):
    """Everything that decides strikes in one game."""

    severity_points: tuple[Weight, Weight, Weight, Weight, Weight] = (0.5, 1.0, 2.0, 4.0, 8.0)
    """Points of an offence by its severity, 0 to 4."""
    flag_weight: Weight = 0.5
    """Weight of a flagged message relative to a blocked one."""
    half_life_s: Seconds = 86_400
    """An offence loses half its points in this time."""
    window_s: Seconds = 7 * 86_400
    """Older offences expire; a verdict that arrives later than this is ignored."""
    cool_down_s: Seconds = 60
    """Minimum time between two steps, unless the second is higher."""
    max_skew_s: Seconds = 60
    """How far ``sent_at`` may be ahead of ``decided_at`` before it is capped, so that a wrong clock
    cannot freeze a standing."""
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=20)] = RUNGS
    flood: Flood = Flood()
    pattern: Pattern = Pattern()
    raid: Raid = Raid()
    pile_on: PileOn = PileOn()

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        points = [rung.points for rung in self.rungs]
        if points != sorted(set(points)):
            raise ValueError("rungs must be in ascending order: each needs more points than the one before")
        return self


@dataclass(frozen=True, slots=True)
class Rules:
    """A game's ladder and its digest (128 bits, hex)."""

    ladder: Ladder
    digest: str


class Ladders(_Part):
    """The ladders of all games."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "default"
    default: Ladder = Ladder()
    games: dict[str, Ladder] = Field(default_factory=dict)
    _rules: dict[str, Rules] = PrivateAttr(default_factory=dict)
    _default: Rules = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, document: Any) -> Any:
        """Override the default with a game's values."""
        if not isinstance(document, dict) or not isinstance(document.get("games"), dict):
            return document
        base = document.get("default", {})
        games = {
            game: _overlay(base, own) if isinstance(base, dict) and isinstance(own, dict) else own
            for game, own in document["games"].items()
        }
        return {**document, "games": games}

    def model_post_init(self, _: Any) -> None:
        """Digest each ladder once."""
        self._default = Rules(self.default, _digest(self.default))
        self._rules.update({game: Rules(ladder, _digest(ladder)) for game, ladder in self.games.items()})

    def of(self, game_id: str) -> Rules:
        """Return the rules of a game."""
        return self._rules.get(game_id, self._default)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a ladder file.

        Raises:
            ConfigError: the file is unreadable or not a ladder; names the file, the line, the key and the fault.
        """
        try:
            raw = path.read_bytes()
            source = raw.decode()
            document = tomllib.loads(source)
        except OSError as exc:
            raise ConfigError(f"{path}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            line = raw.count(b"\n", 0, exc.start) + 1
            raise ConfigError(f"{path}:{line}: not UTF-8: {exc.reason}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"{path}: not TOML: {exc}") from exc
        try:
            return cls.model_validate(document)
        except ValidationError as exc:
            raise ConfigError("\n".join(f"{path}:{fault}" for fault in _faults(exc, source))) from exc


def _faults(exc: ValidationError, source: str) -> list[str]:
    """Return each fault with its line and key, without those that only follow from another one.

    Left out are values that contain a faulty one, and what a game inherits from the default.
    """
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    places = {error["loc"] for error in errors}
    told = []
    for error in errors:
        place = error["loc"]
        further_inside = any(other[: len(place)] == place != other for other in places)
        inherited = place[:1] == ("games",) and ("default", *place[2:]) in places and not holds(source, place)
        if not (further_inside or inherited):
            said = error["msg"].removeprefix("Value error, ")
            told.append(f"{line_of(source, place)}: {'.'.join(map(str, place)) or 'ladder'}: {said}")
    return told


def _overlay(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    if _is_brief(own):
        merged.pop("duration_s", None)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _digest(ladder: Ladder) -> str:
    return hashlib.blake2b(ladder.model_dump_json().encode(), digest_size=16).hexdigest()
