"""The student's start: the same seed draws the same layers, whatever was drawn before."""

from pathlib import Path

import torch
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from model.training.recipe.student import start_student
from tests.support.checkpoints import tiny_tokenizer


def test_the_layers_that_no_teacher_has_are_drawn_by_the_seed(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    marks = [(mark, tokenizer.get_vocab()[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", marks)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    )
    teacher = BertModel(config, add_pooling_layer=False)
    teacher.config.save_pretrained(tmp_path)
    state = teacher.state_dict()

    def drawn(seed: int) -> torch.Tensor:
        torch.rand(3)  # what others drew before
        names = ["non_toxic", "insult"]
        student, _ = start_student(tmp_path, state, ["gg"], names, layers=(0,), vocabulary=90, seed=seed)
        return student.classifier.weight.detach()

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
