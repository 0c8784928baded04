"""A replay cannot touch what is live: it is told of no group and no output, and calls nothing that writes to Kafka."""

import ast
from dataclasses import fields
from pathlib import Path

from stream.replay.history.topic import TopicAddress

REPLAY = Path(__file__).parents[2] / "stream" / "replay"
WRITING = {"Producer", "AdminClient", "subscribe", "commit", "store_offsets", "produce", "send_offsets_to_transaction"}


def test_an_address_has_no_place_for_a_group_or_an_output() -> None:
    assert {field.name for field in fields(TopicAddress)} == {"bootstrap_servers", "topic", "properties"}


def test_nothing_that_writes_to_kafka_is_named() -> None:
    paths = sorted(REPLAY.rglob("*.py"))
    assert len(paths) > 20
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not named & WRITING, path


def test_properties_cannot_name_a_group_or_commit() -> None:
    """What the user passes on comes before what a replay insists on."""
    source = (REPLAY / "history" / "topic.py").read_text(encoding="utf-8")
    passed = source.index("**address.properties")
    assert all(source.index(f'"{name}"') > passed for name in ("group.id", "enable.auto.commit", "isolation.level"))
