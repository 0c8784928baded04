"""Planning over a topic whose cluster is not ready yet."""

from collections import Counter
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from stream.errors import TransportError
from stream.replay.history.topic import TopicAddress, spans

CHAT = TopicAddress("127.0.0.1:1", "chat.events")


class Electing:
    """A client of a cluster whose partition has no leader at first: each question is refused before it is answered."""

    def __init__(self, *refusals: int) -> None:
        self.asked: Counter[str] = Counter()
        self._refusals = refusals

    def list_topics(self, topic: str = "", timeout: float = 0) -> SimpleNamespace:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        self._refuse("ends")
        return 3, 90

    def offsets_for_times(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self._refuse("times")
        return [TopicPartition(places[0].topic, places[0].partition, 40)]

    def close(self) -> None:
        pass

    def _refuse(self, what: str) -> None:
        self.asked[what] += 1
        if self.asked[what] <= len(self._refusals):
            raise KafkaException(KafkaError(self._refusals[self.asked[what] - 1]))


def test_planning_waits_for_partitions_that_nobody_leads_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Electing(KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION)
    monkeypatch.setattr("stream.replay.history.topic._consumer", lambda *_: client)
    assert spans(CHAT, 1, None) == {0: (40, 90)}
    assert client.asked == {"ends": 3, "times": 3}


def test_planning_does_not_wait_for_what_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Electing(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    monkeypatch.setattr("stream.replay.history.topic._consumer", lambda *_: client)
    with pytest.raises(TransportError):
        spans(CHAT, None, None)
    assert client.asked == {"ends": 1}
