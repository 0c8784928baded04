"""pydantic's errors in our words: place and fault, without URLs and input."""

from pydantic import ValidationError


def faults(exc: ValidationError) -> str:
    """Return the faults and their places, in one line."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        for error in errors
    )
