"""``python -m tests.bench.both_ways --chat conda_train.csv``: real chat through ``moderate`` and ``run``, compared.

Each row of the file becomes an event, once in JSON Lines for ``moderate`` and once on the events topic of a real broker
(six partitions, keyed by match) for ``run``, whose verdicts are read with ``read_committed``.  The file has the columns
of the CONDA training set: match_id, seconds, player_slot, utterance.  Default bundle and resolvers.

Prints one line of JSON per way and one that compares them; exit code 1 unless every event has one verdict each way, and
the same one.  No text is printed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from model.training.tables import Row, read_rows
from tests.support.broker import Broker
from tests.support.processes import Child, free_port
from tests.support.stream_topics import Reader, StreamTopics

COMMAND: Final = str(Path(sys.executable).with_name("chatwarden"))
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_S: Final = 900.0
SAME: Final = ("verdict_id", "scores", "action", "category", "severity", "matches", "scorer", "policy")
"""What must be equal both ways.  Who answered may differ: memories are of a process, chunks of the moment."""

Verdict = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chat", type=Path, required=True, metavar="FILE", help="CSV, as described above")
    given = parser.parse_args()
    events = [event for number, row in enumerate(read_rows(given.chat), 1) if (event := as_event(number, row))]
    with tempfile.TemporaryDirectory() as name:
        ways = {"moderate": moderated(events, Path(name)), "run": judged_by_run(events, Path(name))}
    compared = compare([event["event_id"] for event in events], ways["moderate"], ways["run"])
    print(json.dumps(compared), flush=True)
    return 0 if compared["same"] == len(events) else 1


def as_event(number: int, row: Row) -> dict[str, str] | None:
    """Return a row as an event; None where nothing was said."""
    text = str(row["utterance"]).replace("[SEPA]", " ").strip()
    if not text:
        return None
    match = str(row["match_id"])
    return {
        "event_id": f"row-{number}",
        "player_id": f"{match}-{row['player_slot']}",
        "channel_id": f"match-{match}",
        "match_id": match,
        "text": text,
        "sent_at": (START + timedelta(seconds=float(str(row["seconds"])))).isoformat(),
    }


def moderated(events: Sequence[Mapping[str, str]], folder: Path) -> list[Verdict]:
    """Return what ``moderate`` says."""
    lines, out, broken = folder / "events.jsonl", folder / "verdicts.jsonl", folder / "broken.jsonl"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    command = [COMMAND, "moderate", str(lines), "--output", str(out), "--dead-letters", str(broken)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    verdicts = [json.loads(line) for line in out.read_bytes().splitlines()]
    report(
        "moderate", verdicts, len(broken.read_bytes().splitlines()), said[said.rindex("done: ") :].partition("\n")[0]
    )
    return verdicts


def judged_by_run(events: Sequence[Mapping[str, str]], folder: Path) -> list[Verdict]:
    """Return what ``run`` says, as a reader of committed records sees it."""
    broker = Broker(folder / "kafka")
    broker.start()
    try:
        topics = StreamTopics(broker.bootstrap)
        topics.create()
        append(topics, events)
        env = topics.env(ADMIN__PORT=str(free_port()))
        worker = Child([COMMAND, "run", "--slot", "bench"], folder / "run.log", env)
        reader = Reader(topics, ["verdicts", "dead_letters"])
        found = reader.read(lambda records: len(records) >= len(events) or not worker.alive, LONGEST_S)
        spent = reader.seen_at[-1] - reader.seen_at[0] if found else 0.0
        code = worker.stop()
        reader.take(2.0)  # one verdict too many would come after the last one
        reader.close()
        if code:
            raise RuntimeError(f"run ended with {code}:\n{worker.output()[-2_000:]}")
        verdicts = [json.loads(each.value() or b"") for each in found if each.topic() == topics.name("verdicts")]
        report("run", verdicts, len(found) - len(verdicts), f"{spent:.1f} s from the first verdict seen to the last")
        return verdicts
    finally:
        broker.stop()


def append(topics: StreamTopics, events: Iterable[Mapping[str, str]]) -> None:
    """Append events, each match to the partition of its key."""
    producer = Producer(
        {"bootstrap.servers": topics.bootstrap, "linger.ms": 5, "enable.idempotence": True, "log_level": 0}
    )
    for event in events:
        producer.produce(topics.name("events"), json.dumps(event), event["match_id"])
    if producer.flush(60):
        raise TimeoutError("the events could not be appended")


def report(way: str, verdicts: Sequence[Verdict], dead_letters: int, took: str) -> None:
    """Print what came of a way."""
    answered = Counter(verdict["resolved_by"] for verdict in verdicts)
    shares = {name: round(100 * count / len(verdicts), 1) for name, count in answered.most_common()}
    actions = dict(Counter(verdict["action"] for verdict in verdicts).most_common())
    found = {"verdicts": len(verdicts), "dead_letters": dead_letters, "answered_percent": shares, "actions": actions}
    print(json.dumps({"way": way, **found, "took": took}), flush=True)


def compare(ids: Sequence[str], one: Sequence[Verdict], other: Sequence[Verdict]) -> dict[str, object]:
    """Count the events that have exactly one verdict each way and the same one, and what differs in the others."""
    times = [Counter(verdict["event_id"] for verdict in way) for way in (one, other)]
    once = [event_id for event_id in ids if all(count[event_id] == 1 for count in times)]
    left, right = ({verdict["event_id"]: verdict for verdict in way} for way in (one, other))
    differing = {each: [name for name in SAME if left[each][name] != right[each][name]] for each in once}
    return {
        "events": len(ids),
        "one_verdict_each_way": len(once),
        "strangers": sum(count.total() - sum(count[event_id] for event_id in ids) for count in times),
        "same": sum(not names for names in differing.values()),
        "differ_in": dict(Counter(name for names in differing.values() for name in names)),
    }


if __name__ == "__main__":
    sys.exit(main())
