"""What pydantic found wrong, in our words: the place and the fault, without its addresses and what was given."""

from pydantic import ValidationError


def faults(exc: ValidationError) -> str:
    """Return what is wrong and where, in one line."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        for error in errors
    )
