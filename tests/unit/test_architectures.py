"""The white list of configuration keys is that of transformers."""

import pytest
from transformers import CONFIG_MAPPING

from model.architectures import KEYS, config_keys


@pytest.mark.parametrize("kind", KEYS)
def test_the_keys_that_transformers_writes_are_allowed(kind: str) -> None:
    assert set(CONFIG_MAPPING[kind]().to_dict()) <= config_keys(kind)


def test_an_unknown_kind_has_no_keys() -> None:
    assert config_keys("evil") == frozenset()
