"""Which extra of the package brings which library, so that a command that lacks one can say so."""

from typing import Final

EXTRAS: Final = {
    "worker": ("confluent_kafka", "redis", "safetensors", "tokenizers", "torch", "transformers"),
    "workshop": ("accelerate", "fsspec", "jinja2", "matplotlib", "onnx", "peft", "pyarrow", "sklearn"),
    "strikes": ("cramjam", "faust", "rocksdict"),
}
_OTHERS: Final = {"aiokafka": "strikes", "aiohttp": "strikes", "mode": "strikes"}
"""What comes with one of these."""


def extra_of(library: str) -> str | None:
    """Return the extra that brings a library (a top-level import name); None when no extra does."""
    found = (extra for extra, libraries in EXTRAS.items() if library in libraries)
    return next(found, _OTHERS.get(library))
