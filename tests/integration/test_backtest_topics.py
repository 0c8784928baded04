"""A backtest of real topics: reads a bounded span, leaves everything as it was, and survives being killed."""

import json
import sys
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from pyarrow import parquet
from typer.testing import CliRunner

from stream.cli import app
from stream.errors import ConfigError, DataLost, FileError
from stream.replay.archive.write import Archive, event_row
from stream.replay.history.stretch import cut
from stream.replay.history.topic import TopicAddress, TopicReader, spans
from tests.support.broker import admin, create_topics
from tests.support.checkpoints import tiny_bundle
from tests.support.processes import ROOT, Child, wait_until
from tests.support.recorded_topics import RecordedTopics
from tests.support.replays import report_bytes

COUNT = 6_000
MANIFEST = ROOT / "deploy" / "kubernetes" / "backtest.yaml"
pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def topics(kafka: str) -> RecordedTopics:
    return RecordedTopics(kafka, COUNT)


@pytest.fixture(scope="module")
def options(topics: RecordedTopics, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the options that all runs share: the candidate, and where Kafka is."""
    folder = tmp_path_factory.mktemp("candidate")
    tiny_bundle(folder / "bundle")
    policy = folder / "strict.toml"
    policy.write_text('name = "strict"\n[thresholds.insult]\nflag = 0.1\nblock = 0.9\n')
    config = folder / "chatwarden.toml"
    config.write_text(f'[kafka]\nbootstrap_servers = "{topics.bootstrap}"\n[topics]\nverdicts = "{topics.verdicts}"\n')
    return ["--config", str(config), "--model", str(folder / "bundle"), "--policy", str(policy)]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stream", *arguments]


def chatwarden(*arguments: str) -> str:
    """Run a command in this process, which has paid for the imports; return what it said."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def redecide(topics: RecordedTopics, options: list[str], report: Path) -> list[str]:
    return [
        "backtest",
        "--topic",
        topics.events,
        "--depth",
        "redecide",
        "--stretch",
        "250",
        "--workers",
        "1",
        "--report",
        str(report),
        *options,
    ]


def ends(topics: RecordedTopics) -> dict[str, list[tuple[int, int]]]:
    """Return the low and high watermark of every partition of both topics."""
    consumer = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": "looking-on"})
    try:
        metadata = consumer.list_topics(timeout=10).topics
        return {
            topic: [
                consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)
                for p in sorted(metadata[topic].partitions)
            ]
            for topic in (topics.events, topics.verdicts)
        }
    finally:
        consumer.close()


def groups(topics: RecordedTopics) -> dict[str, list[tuple[str, int, int]]]:
    """Return every group with its committed offsets."""
    client = admin(topics.bootstrap)
    found: dict[str, list[tuple[str, int, int]]] = {}
    for group in client.list_consumer_groups().result(10).valid:
        (future,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)]).values()
        found[group.group_id] = sorted((p.topic, p.partition, p.offset) for p in future.result(10).topic_partitions)
    return found


def a_live_group(topics: RecordedTopics) -> None:
    """Commit something in the name of a worker."""
    consumer = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": "chatwarden", "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[TopicPartition(topics.events, 0, 17)], asynchronous=False)
    finally:
        consumer.close()


def test_live_groups_and_topics_stay_as_they_were(topics: RecordedTopics, options: list[str], tmp_path: Path) -> None:
    a_live_group(topics)
    before = groups(topics), ends(topics)
    assert before[0]["chatwarden"] == [(topics.events, 0, 17)]
    chatwarden(*redecide(topics, options, tmp_path / "report"))
    chatwarden("archive", "--topic", topics.events, "-o", str(tmp_path / "archive"), *options[:2])
    assert (groups(topics), ends(topics)) == before
    answer = json.loads((tmp_path / "report" / "report.json").read_bytes())
    assert answer["totals"]["records"] == COUNT
    assert answer["totals"]["without_baseline"] == 0
    assert answer["totals"]["flips"] > COUNT // 5


def test_killed_half_way_and_resumed_the_report_is_the_same(
    topics: RecordedTopics, options: list[str], tmp_path: Path
) -> None:
    chatwarden(*redecide(topics, options, tmp_path / "whole"))
    asked = redecide(topics, options, tmp_path / "cut")
    child = Child(command(*asked), tmp_path / "log", env={"PYTHONPATH": "."})
    parts = tmp_path / "cut" / "work" / "parts"
    wait_until(lambda: len(list(parts.glob("*.json"))) >= 5 or not child.alive, 60, "some parts are there")
    child.kill()
    done = len(list(parts.glob("*.json")))
    assert 5 <= done < COUNT // 250
    again = chatwarden(*asked, "--resume")
    assert "events:" in again
    assert report_bytes(tmp_path / "cut") == report_bytes(tmp_path / "whole")


def test_a_span_without_a_verdict_is_no_answer_and_says_so(
    kafka: str, topics: RecordedTopics, options: list[str], tmp_path: Path
) -> None:
    verdicts = f"verdicts-{uuid4()}"
    create_topics(kafka, {verdicts: 2})
    config = tmp_path / "chatwarden.toml"
    config.write_text(f'[kafka]\nbootstrap_servers = "{kafka}"\n[topics]\nverdicts = "{verdicts}"\n')
    asked = [*redecide(topics, options, tmp_path / "report"), "--config", str(config)]
    done = CliRunner().invoke(app, asked)
    assert isinstance(done.exception, ConfigError), (done.output, done.exception)
    assert "no recorded verdict is about any of them" in str(done.exception)


@pytest.mark.parametrize("size", [1, 7, 20, 1_000])
def test_a_span_that_ends_in_aborted_records_is_read_to_its_end(kafka: str, size: int) -> None:
    """The client says once that a partition ends, and stretches behind the last record that was committed hold none."""
    topic = f"events-{uuid4()}"
    create_topics(kafka, {topic: 1})
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    for end in (producer.abort_transaction, producer.commit_transaction, *[producer.abort_transaction] * 2):
        producer.begin_transaction()
        for number in range(20):
            producer.produce(topic, f"{end.__name__} {number}".encode())
        producer.flush(10)
        end(10)
    address = TopicAddress(kafka, topic)
    found = spans(address, None, None)
    assert found == {0: (0, 84)}
    seconds = count()  # for each look at the clock: as much patience as a minute would be
    reader = TopicReader(address, lambda: next(seconds) / 5)
    stretches = cut(topic, 0, found[0], size, 0)
    values = [value for stretch in stretches for batch in reader.read(stretch) for value in batch.values]
    reader.close()
    assert values == [f"commit_transaction {number}".encode() for number in range(20)]


def test_a_topic_that_was_deleted_is_told_as_that(kafka: str) -> None:
    topic = f"events-{uuid4()}"
    create_topics(kafka, {topic: 1})
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, b"gg")
    producer.flush(10)
    address = TopicAddress(kafka, topic)
    (stretch,) = cut(topic, 0, spans(address, None, None)[0], 10, 0)
    client = admin(kafka)
    client.delete_topics([topic])[topic].result(30)
    seconds = count()
    reader = TopicReader(address, lambda: next(seconds) / 5)
    with pytest.raises(DataLost, match=r"\[0\]: deleted before offset 0 was read"):
        list(reader.read(stretch))
    reader.close()


def test_shards_merge_to_the_same_report(topics: RecordedTopics, options: list[str], tmp_path: Path) -> None:
    asked = ["--to", "2100-01-01T00:00:00Z"]
    chatwarden(*redecide(topics, options, tmp_path / "whole"), *asked)
    for number in range(2):
        chatwarden(*redecide(topics, options, tmp_path / "shared"), *asked, "--shard", f"{number}/2")
    chatwarden("backtest", "merge", str(tmp_path / "shared"), "--report", str(tmp_path / "merged"))
    assert report_bytes(tmp_path / "merged") == report_bytes(tmp_path / "whole")


def test_the_indexed_job_of_the_manifest_merges_to_a_single_run(
    kafka: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == "Job"]
    sharing, merging = (each["spec"]["template"]["spec"]["containers"][0] for each in jobs)
    in_january = 1_767_400_000_000  # within the span that the manifest asks for
    topics = RecordedTopics(kafka, 2_000, timestamp_ms=in_january)
    places = {
        "=chat.events": f"={topics.events}",
        "/candidate/policy.toml": options[options.index("--policy") + 1],
        "/report": str(tmp_path / "report"),
    }

    def on_this_machine(arguments: list[str], index: int = 0) -> list[str]:
        found = []
        for argument in arguments:
            argument = argument.replace("$(JOB_COMPLETION_INDEX)", str(index))
            for there, here in places.items():
                argument = argument.replace(there, here)
            found.append(argument)
        return found

    for variable in sharing["env"]:
        monkeypatch.setenv(variable["name"], variable["value"].replace("kafka:9092", kafka))
    monkeypatch.setenv("CHATWARDEN__TOPICS__VERDICTS", topics.verdicts)
    monkeypatch.setenv("CHATWARDEN__MODEL__BUNDLE", options[options.index("--model") + 1])
    for index in range(jobs[0]["spec"]["completions"]):
        chatwarden(*on_this_machine(sharing["args"], index))
    chatwarden(*[word.replace("--max-flips=1%", "--max-flips=100%") for word in on_this_machine(merging["args"])])
    places["/report"] = str(tmp_path / "single")
    alone = [word for word in on_this_machine(sharing["args"]) if not word.startswith(("--shard", "--resume"))]
    chatwarden(*alone, "--max-flips=100%")
    single = json.loads((tmp_path / "single" / "report.json").read_bytes())
    assert single["totals"]["records"] == 2_000
    assert report_bytes(tmp_path / "report" / "merged") == report_bytes(tmp_path / "single")


def test_verdicts_of_another_model_are_left_out_and_named(
    kafka: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = RecordedTopics(kafka, 600)
    foreign = topics.say_again(60, lambda verdict: verdict.replace(b'"insult"', b'"alien"'))
    monkeypatch.setenv("CHATWARDEN__TOPICS__VERDICTS", topics.verdicts)
    chatwarden(*redecide(topics, options, tmp_path / "joined"))
    asked = redecide(topics, options, tmp_path / "alone")
    chatwarden(*[topics.verdicts if word == topics.events else word for word in asked])
    for name in ("joined", "alone"):
        totals = json.loads((tmp_path / name / "report.json").read_bytes())["totals"]
        assert totals["recorded_of_no_category"] == {"alien": foreign}
        assert totals["left_out"] == totals["without_candidate"] == foreign > 40


def test_an_archive_outlives_the_topic_and_forgets_players(
    topics: RecordedTopics, options: list[str], tmp_path: Path
) -> None:
    archive = str(tmp_path / "archive")
    address = TopicAddress(topics.bootstrap, topics.events)
    begun_before = Archive(archive).left(topics.events, spans(address, None, None))
    for topic in (topics.events, topics.verdicts, topics.events):
        said = chatwarden("archive", "--topic", topic, "-o", archive, *options[:2])
    assert "archived: 0 in" in said  # the second time there was nothing left
    with pytest.raises(FileError, match="another `archive` wrote offsets 0 to"):
        Archive(archive).write(address, begun_before, event_row, lambda *_: None)
    read = [
        "backtest", "--input", f"{archive}/topic={topics.events}", "--verdicts", f"{archive}/topic={topics.verdicts}",
        "--depth", "redecide", "--workers", "1", *options,
    ]  # fmt: skip
    chatwarden(*redecide(topics, options, tmp_path / "live"))
    chatwarden(*read, "--report", str(tmp_path / "archived"))
    live, archived = (parquet.read_table(tmp_path / name / "flips.parquet") for name in ("live", "archived"))
    by_place = [("partition", "ascending"), ("offset", "ascending")]
    assert archived.sort_by(by_place).equals(live.sort_by(by_place))
    player = live["player_id"][0].as_py()
    chatwarden("archive", "erase", archive, "--player", player)
    chatwarden(*read, "--report", str(tmp_path / "erased"))
    left = parquet.read_table(tmp_path / "erased" / "flips.parquet")
    assert left.num_rows == sum(other != player for other in live["player_id"].to_pylist())
    for path in Path(archive).rglob("*.parquet"):
        assert (
            player.encode() not in path.read_bytes() or player not in parquet.read_table(path)["player_id"].to_pylist()
        )
