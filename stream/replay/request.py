"""A request: the command line's options, turned into a job and a plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from schemas.codec import decode_event
from schemas.dead_letter import Rejection
from stream.errors import ConfigError
from stream.kafka_config import consumer_properties
from stream.replay.history.events import is_verdict
from stream.replay.history.files import cut_files, expand, first_records
from stream.replay.history.states import states_of
from stream.replay.history.topic import TopicAddress
from stream.replay.job import Baseline, Depth, Job
from stream.replay.parts import Kept
from stream.replay.plan import (
    Plan,
    TimeRange,
    check_apart,
    cut_history,
    cut_topic,
    in_lanes,
    origins_of_files,
    origins_of_topic,
)
from stream.settings import Settings

STRETCH: Final = 50_000
REDECIDE_STRETCH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Request:
    """As given on the command line."""

    topic: str | None = None
    since: str | None = None
    until: str | None = None
    files: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    baseline: str = "recorded"
    depth: Depth | None = None
    labels: str | None = None
    reviews: str | None = None
    text: bool = True
    rows: bool = False
    stretch: int | None = None

    def job(self, settings: Settings) -> Job:
        """Turn it into a job.

        Raises:
            ConfigError: something is missing, or contradicts something else.
        """
        if (self.topic is None) == (not self.files):
            raise ConfigError("give either --topic or --input")
        if self.files and (self.since or self.until):
            raise ConfigError("--from and --to are broker timestamps; files have none")
        baseline = Baseline.parse(self.baseline)
        field = baseline.name if baseline.kind == "labels" else self.labels
        alone = self._alone(settings)
        depth: Depth = self.depth or ("redecide" if settings.model.bundle is None else "rescore")
        kept = Kept(self.text, self.rows)
        topic = None if self.topic is None else address(settings, self.topic)
        job = Job(settings, depth, baseline, topic, None, alone, field, self.reviews, kept)
        job.check()
        if not job.needs_recorded or alone:
            return job
        if topic is None:
            if not self._verdict_files(baseline):
                raise ConfigError("recorded verdicts are needed: give --verdicts FILES or --baseline recorded:FILES")
            return job
        recorded = address(settings, settings.topics.verdicts)
        return Job(settings, depth, baseline, topic, recorded, alone, field, self.reviews, kept)

    def plan(self, job: Job, asked: dict[str, Any]) -> Plan:
        """Fix the stretches.

        Raises:
            ConfigError, FileError, TransportError: history cannot be found or read.
        """
        size = self.stretch or (REDECIDE_STRETCH if job.depth == "redecide" else STRETCH)
        times = TimeRange(milliseconds("--from", self.since), milliseconds("--to", self.until))
        if times.start_ms is not None and times.end_ms is not None and times.start_ms >= times.end_ms:
            raise ConfigError(f"--from {self.since} is not before --to {self.until}")
        files = expand(self.files) if self.files else []
        check_apart(files)
        recorded: list[str] = []
        if job.verdict_topic is None and job.needs_recorded and not job.verdicts_alone:
            recorded = expand(self._verdict_files(job.baseline), "recorded verdicts")
        states = states_of([*files, *recorded])  # before they are looked into, so that what changes meanwhile is seen
        stretches = cut_history(job.topic, times, files, size)
        if not sum(stretch.weight for stretch in stretches):
            raise ConfigError("the files are empty" if job.topic is None else "there is no history in that time range")
        verdicts = in_lanes(cut_files(recorded, size))
        if job.verdict_topic is not None:
            verdicts = cut_topic(job.verdict_topic, times.widened(), size)
        history = self._about_topic(stretches) if job.topic is not None else {"files": files}
        about = {
            "history": history,
            "depth": job.depth,
            "baseline": {"kind": job.baseline.kind, "name": job.baseline.name},
            "candidate": {"bundle": _shown(job.settings.model.bundle), "policy": _shown(job.settings.policy.path)},
            "truth": "labels" if job.labelled else "baseline",
            "verdicts_alone": job.verdicts_alone,
            "with_text": self.text and not job.verdicts_alone,
        }
        origin = origins_of_files(files) if job.topic is None else origins_of_topic(job.topic, stretches)
        return Plan(asked, about, stretches, verdicts, origin, states)

    def asked(self, job: Job, contents: dict[str, str]) -> dict[str, Any]:
        """Return everything that must be equal when a run is resumed; ``contents`` are digests of the inputs named."""
        return {
            "topic": self.topic,
            "from": self.since,
            "to": self.until,
            "input": list(self.files),
            "verdicts": list(self.verdicts),
            "baseline": self.baseline,
            "depth": job.depth,
            "labels": self.labels,
            "reviews": self.reviews,
            "text": self.text,
            "rows": self.rows,
            "stretch": self.stretch,
            "resolvers": list(job.settings.pipeline.resolvers),
            "policy.packs": job.settings.policy.packs,
            "pipeline.gate_keeps": job.settings.pipeline.gate_keeps,
            "topics.verdicts": None if job.verdict_topic is None else job.verdict_topic.topic,
            "contents": contents,
        }

    def check_shard(self, shards: int) -> None:
        """Refuse sharding if the span's end would differ between shards.

        Raises:
            ConfigError: the end is open.
        """
        if shards > 1 and self.topic is not None and self.until is None:
            raise ConfigError("--shard needs --to: without it every shard would see a different end of the topic")

    def _alone(self, settings: Settings) -> bool:
        """Whether history is recorded verdicts without their events, judging by the first record that is either."""
        if self.topic is not None:
            return self.topic == settings.topics.verdicts
        known = (_is_verdict(value) for path in expand(self.files) for value in first_records(path))
        return next((kind for kind in known if kind is not None), False)

    def _verdict_files(self, baseline: Baseline) -> list[str]:
        named = baseline.name.split(",") if baseline.kind == "recorded" and baseline.name else []
        return [*self.verdicts, *named]

    def _about_topic(self, stretches: Sequence[Any]) -> dict[str, Any]:
        spans: dict[str, list[int]] = {}
        for stretch in stretches:
            known = spans.setdefault(str(stretch.partition), [stretch.start, stretch.end])
            known[1] = stretch.end
        return {"topic": self.topic, "from": self.since, "to": self.until, "partitions": spans}


def address(settings: Settings, topic: str) -> TopicAddress:
    """Return where a topic is, with only the connection settings.

    Raises:
        ConfigError: ``kafka.properties`` has something that is refused.
    """
    known = consumer_properties(settings.kafka)
    passed = {name: settings.kafka.properties[name] for name in known if name in settings.kafka.properties}
    return TopicAddress(settings.kafka.bootstrap_servers, topic, passed)


def milliseconds(option: str, text: str | None) -> int | None:
    """Read a time in Kafka's milliseconds, which begin in 1970; None stays None.

    Raises:
        ConfigError: it is not a time, or has no offset.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(f"{option} {text}: give a time as 2026-01-31T18:00:00Z") from exc
    if instant.tzinfo is None:
        raise ConfigError(f"{option} {text}: the time needs an offset, as in {instant.isoformat()}Z")
    return max(0, round(instant.timestamp() * 1000))


def _is_verdict(value: bytes | None) -> bool | None:
    """Whether a record is a verdict and not an event; None if neither."""
    if is_verdict(value):
        return True
    return None if isinstance(decode_event(value), Rejection) else False


def _shown(path: Path | None) -> str:
    return "(default)" if path is None else str(path)
