"""A job: what is replayed, at which depth, against which baseline.  Plain values, so any process can run a share."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self, get_args

from stream.errors import ConfigError
from stream.replay.history.topic import TopicAddress
from stream.replay.parts import Kept
from stream.settings import Settings

Depth = Literal["redecide", "rescore", "full"]
BaselineKind = Literal["recorded", "bundle", "policy", "labels"]


class Baseline(NamedTuple):
    """What the candidate is compared with; ``name`` is a folder, file, field or list of files, by kind."""

    kind: BaselineKind = "recorded"
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``recorded[:FILES]``, ``bundle:DIR``, ``policy:FILE`` or ``labels:FIELD``.

        Raises:
            ConfigError: it is none of them.
        """
        kind, _, name = text.partition(":")
        for known in get_args(BaselineKind):
            if kind == known and bool(name or kind == "recorded"):
                return cls(known, name)
        raise ConfigError(f"--baseline {text}: give recorded, recorded:FILES, bundle:DIR, policy:FILE or labels:FIELD")


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that determines the results.

    ``settings`` are the candidate's: its bundle, policy, packs and resolvers.  ``verdicts_alone``: history itself is
    recorded verdicts, without the events.
    """

    settings: Settings
    depth: Depth
    baseline: Baseline
    topic: TopicAddress | None = None
    """The topic that history is in; None for files."""
    verdict_topic: TopicAddress | None = None
    """The topic that recorded verdicts are in; None for files, or if they are not needed."""
    verdicts_alone: bool = False
    label: str | None = None
    reviews: str | None = None
    kept: Kept = field(default_factory=Kept)

    def check(self) -> None:
        """Check that the parts of the job fit together.

        Raises:
            ConfigError: the parts of the job contradict each other; says what to change.
        """
        if self.verdicts_alone and self.depth != "redecide":
            raise ConfigError(f"--depth {self.depth} needs the events; recorded verdicts carry no text to score")
        if self.verdicts_alone and self.label is not None:
            raise ConfigError("labels are a field of events, which recorded verdicts lack; use --reviews")
        if self.baseline.kind == "bundle" and self.depth == "redecide":
            raise ConfigError("--baseline bundle: scores texts; use --depth rescore")

    @property
    def needs_recorded(self) -> bool:
        """Whether recorded verdicts take part."""
        return self.depth == "redecide" or self.baseline.kind == "recorded"

    @property
    def labelled(self) -> bool:
        """Whether labels are the truth; otherwise the baseline is."""
        return self.label is not None or self.reviews is not None
