"""Half precision is taken where the processor computes in it, and nowhere else."""

from collections.abc import Mapping

import pytest
import torch

from model.training.precision import half_where_quick


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_bf16": False}, torch.float32),
        ({"architecture": "x86_64", "avx512_bf16": True}, torch.bfloat16),
        ({"architecture": "x86_64", "amx_bf16": True}, torch.bfloat16),
        ({"architecture": "aarch64", "neon": True}, torch.float32),
        ({"architecture": "aarch64", "bf16": True}, torch.bfloat16),
    ],
)
def test_a_processor_that_would_emulate_bfloat16_computes_in_single_precision(
    monkeypatch: pytest.MonkeyPatch, capabilities: Mapping[str, object], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with half_where_quick():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
