"""The contracts, held by files: examples that must be readable for ever, and JSON Schema that is what the code says."""

import json
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel, ValidationError

from schemas.codec import Event, decode_event
from schemas.event import ChatEvent
from stream.commands.schema import contracts, documents

HERE: Final = Path(__file__).parent
EXAMPLES: Final = sorted((HERE / "examples").glob("*.json"))
SCHEMAS: Final = HERE.parents[1] / "schemas" / "json"


def contract_of(example: Path) -> type[BaseModel]:
    return contracts()[example.name.split(".")[0]]


def test_every_contract_has_an_example() -> None:
    assert {example.name.split(".")[0] for example in EXAMPLES} == set(contracts())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_read_and_written_without_loss(example: Path) -> None:
    contract = contract_of(example)
    read = contract.model_validate_json(example.read_bytes())
    assert contract.model_validate_json(read.model_dump_json()) == read
    written = json.loads(read.model_dump_json(exclude_unset=True))
    original = json.loads(example.read_bytes())
    original.pop("field_of_tomorrow", None)
    assert set(written) == set(original)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_without_a_required_field_are_refused(example: Path) -> None:
    contract = contract_of(example)
    document = json.loads(example.read_bytes())
    required = [name for name, field in contract.model_fields.items() if field.is_required()]
    assert required
    for name in required:
        with pytest.raises(ValidationError, match=name):
            contract.model_validate({key: value for key, value in document.items() if key != name})


@pytest.mark.parametrize("example", [path for path in EXAMPLES if path.name.startswith("chat_event")], ids=str)
def test_the_fast_reader_reads_the_event_examples(example: Path) -> None:
    event = decode_event(example.read_bytes())
    assert isinstance(event, Event)
    definition = ChatEvent.model_validate_json(example.read_bytes())
    assert {name: getattr(event, name) for name in event.__struct_fields__} == dict(definition)


def test_the_schema_files_are_what_the_code_says() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert files == documents(), "run: chatwarden schema --output schemas/json"
