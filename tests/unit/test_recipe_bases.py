"""An encoder out of an ONNX export, as the recipe reads it."""

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import BertConfig, BertModel

from model.errors import WorkshopError
from model.training.recipe.bases import bge_small, convert


def tiny() -> BertModel:
    return BertModel(
        BertConfig(
            vocab_size=40,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=96,
            max_position_embeddings=16,
        ),
        add_pooling_layer=False,
    )


def export(state: dict[str, torch.Tensor], path: Path) -> None:
    """Write the weights as exporters do: matrices nameless and turned, each known by the node that uses it."""
    weights, nodes = [], []
    for place, (name, value) in enumerate(state.items()):
        if value.ndim == 2 and name.startswith("encoder."):
            weights.append(numpy_helper.from_array(value.T.contiguous().numpy(), f"onnx::MatMul_{place}"))
            used_by = "/" + name.removesuffix(".weight").replace(".", "/").replace("layer/", "layer.") + "/MatMul"
            nodes.append(helper.make_node("MatMul", ["x", f"onnx::MatMul_{place}"], [f"y{place}"], name=used_by))
        else:
            weights.append(numpy_helper.from_array(value.numpy(), name))
    seen = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    onnx.save(helper.make_model(helper.make_graph(nodes, "bert", [seen], [], weights)), path)


def test_an_exported_encoder_comes_back_with_every_weight(tmp_path: Path) -> None:
    state = tiny().state_dict()
    export(state, tmp_path / "bert.onnx")
    convert(tmp_path / "bert.onnx", tmp_path / "base")
    read = BertModel.from_pretrained(tmp_path / "base", add_pooling_layer=False)
    assert read.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in read.state_dict().items())


def test_an_export_that_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    state = tiny().state_dict()
    del state["encoder.layer.1.output.dense.weight"]
    export(state, tmp_path / "bert.onnx")
    with pytest.raises(WorkshopError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        convert(tmp_path / "bert.onnx", tmp_path / "base")


def test_a_file_other_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text('#!/bin/sh\nfor word; do case "$word" in -DoutputDirectory=*) out=${word#*=};; esac; done\n'
                     'mkdir -p "$out" && echo other > "$out/other.jar"\n')  # fmt: skip
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(maven.parent), prepend=":")
    with pytest.raises(WorkshopError, match="pins"):
        bge_small(tmp_path / "out")
