"""``topics``, ``doctor`` and ``chatter`` on a real broker."""

import uuid
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from typer.testing import CliRunner, Result

from stream.checks import check_clock, check_kafka, check_redis, check_topics, check_transactions
from stream.cli import app
from stream.errors import ConfigError, TransportError
from stream.settings import Settings, load_settings
from tests.support.broker import admin, create_topics
from tests.support.processes import free_port

pytestmark = pytest.mark.kafka

ROLES = ("events", "verdicts", "flagged", "dead_letters", "strikes")


@pytest.fixture
def config(tmp_path: Path, kafka: str) -> Path:
    run = uuid.uuid4().hex[:8]
    names = "\n".join(f'{role} = "{run}.{role}"' for role in ROLES)
    path = tmp_path / "chatwarden.toml"
    path.write_text(f'[kafka]\nbootstrap_servers = "{kafka}"\n[topics]\n{names}\n')
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_topics_are_created_once_and_compared_ever_after(config: Path, kafka: str) -> None:
    settings = load_settings(config)
    dry = invoke("topics", "--config", config, "--dry-run", "--partitions", 3)
    assert dry.exit_code == 0
    assert dry.output.count("would create") == 5
    assert settings.topics.events not in admin(kafka).list_topics(timeout=5).topics

    made = invoke("topics", "--config", config, "--partitions", 3, "--retention", "events=0.5")
    assert made.exit_code == 0, made.output
    assert f"created       {settings.topics.events}: 3 partitions, kept 0.5 days" in made.output
    assert len(admin(kafka).list_topics(timeout=5).topics[settings.topics.events].partitions) == 3

    again = invoke("topics", "--config", config, "--partitions", 3, "--retention", "events=0.5")
    assert again.exit_code == 0
    assert again.output.count("there already") == 5

    other = invoke("topics", "--config", config, "--partitions", 4)
    assert other.output.count("differs") == 5
    assert "3 partitions, not 4" in other.output
    assert "retention.ms is 43200000, not 604800000" in other.output


def test_a_topic_that_kafka_does_not_create_is_a_matter_of_configuration(config: Path) -> None:
    result = invoke("topics", "--config", config, "--replication-factor", 3)
    assert isinstance(result.exception, ConfigError)
    assert "set --replication-factor to no more than the cluster has brokers" in str(result.exception)


@pytest.mark.parametrize("text", ["events", "events=soon", "chat=3", "events=-1"])
def test_a_wrong_retention_is_refused(config: Path, text: str) -> None:
    result = invoke("topics", "--config", config, "--retention", text)
    assert isinstance(result.exception, ConfigError)
    assert "--retention" in str(result.exception)


def test_the_doctor_finds_what_is_missing_then_nothing(config: Path) -> None:
    settings = load_settings(config)
    assert check_kafka(settings).found.startswith("1 broker behind ")
    missing = check_topics(settings)
    assert missing.status == "failed"
    assert "chatwarden topics" in missing.fix
    assert invoke("topics", "--config", config).exit_code == 0
    assert check_topics(settings).status == "ok"
    assert check_transactions(settings).status == "ok"
    assert check_clock(settings).found.endswith("no event to compare it with")
    assert invoke("chatter", "--to", "kafka", "--count", 50, "--config", config).exit_code == 0
    assert "the newest event is" in check_clock(settings).found


def test_the_doctor_wants_verdicts_and_strikes_to_match(config: Path, kafka: str) -> None:
    topics = load_settings(config).topics
    names = {getattr(topics, role): 2 for role in ROLES} | {topics.strikes: 3}
    create_topics(kafka, names)
    assert check_topics(load_settings(config)).status == "warning"


def test_the_doctor_names_a_broker_that_is_not_there() -> None:
    settings = Settings.model_validate({"kafka": {"bootstrap_servers": f"127.0.0.1:{free_port()}"}})
    finding = check_kafka(settings)
    assert finding.status == "failed"
    assert "kafka.bootstrap_servers" in finding.found
    assert "is it running" in finding.fix


def test_where_kafka_is_away_what_needs_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    result = invoke("doctor", "--only", "kafka,topics,transactions")
    assert result.exit_code == 1
    assert result.output.count("not tried") == 2


def test_chat_that_kafka_does_not_take_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_topic = invoke("chatter", "--to", "kafka", "--count", 5, "--config", config)
    assert isinstance(no_topic.exception, ConfigError)
    assert "`chatwarden topics` creates it" in str(no_topic.exception)
    monkeypatch.setenv("CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    away = invoke("chatter", "--to", "kafka", "--count", 5, "--config", config)
    assert isinstance(away.exception, TransportError)
    assert "no answer from" in str(away.exception)


def test_the_doctor_asks_redis(redis_url: str) -> None:
    assert check_redis(Settings.model_validate({"redis": {"url": redis_url, "timeout_ms": 2_000}})).status == "ok"
    away = Settings.model_validate({"redis": {"url": f"redis://127.0.0.1:{free_port()}"}})
    found = check_redis(away)
    assert (found.status, "redis.url" in found.fix) == ("failed", True)
    assert f"({away.redis.url.get_secret_value().removeprefix('redis://')})" in found.found
    secret = Settings.model_validate({"redis": {"url": f"redis://me:hush@127.0.0.1:{free_port()}/3"}})
    assert "hush" not in check_redis(secret).found
    assert check_redis(Settings()).status == "ok"


def test_an_event_larger_than_its_topic_allows_is_refused_to_whoever_sends_it(config: Path, kafka: str) -> None:
    assert invoke("topics", "--config", config).exit_code == 0
    events, huge = load_settings(config).topics.events, b"x" * 2_000_000
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        Producer({"bootstrap.servers": kafka}).produce(events, huge)
    told: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 4_000_000})
    producer.produce(events, huge, on_delivery=lambda error, _: told.append(error))
    assert producer.flush(30) == 0
    assert [error and error.name() for error in told] == ["MSG_SIZE_TOO_LARGE"]
