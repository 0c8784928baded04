"""Which extra of the package provides which library, so that a command can name a missing one."""

from typing import Final

EXTRAS: Final = {
    "worker": ("confluent_kafka", "redis", "safetensors", "tokenizers", "torch", "transformers"),
    "workshop": ("accelerate", "fsspec", "jinja2", "matplotlib", "onnx", "peft", "pyarrow", "sklearn"),
    "strikes": ("cramjam", "faust", "rocksdict"),
}
_OTHERS: Final = {"aiokafka": "strikes", "aiohttp": "strikes", "mode": "strikes"}
"""Provided by any of these extras."""


def extra_of(library: str) -> str | None:
    """Return the extra that provides a library (a top-level import name); None if no extra does."""
    found = (extra for extra, libraries in EXTRAS.items() if library in libraries)
    return next(found, _OTHERS.get(library))
