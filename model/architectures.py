"""The architectures that a bundle may have, and every key that their ``config.json`` may have.

An allowlist, because a checkpoint's configuration can name code to run (``auto_map``, remote kernels, file hooks).
The keys are those of transformers' configuration classes; a test compares the two.
"""

from typing import Final


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


COMMON: Final = _keys("""
    _name_or_path add_cross_attention architectures bos_token_id chunk_size_feed_forward dtype eos_token_id
    gradient_checkpointing id2label initializer_range is_decoder is_encoder_decoder label2id model_type
    output_attentions output_hidden_states pad_token_id position_embedding_type problem_type return_dict
    tie_word_embeddings torch_dtype transformers_version use_cache vocab_size
""")
_BERT: Final = _keys("""
    attention_probs_dropout_prob classifier_dropout hidden_act hidden_dropout_prob hidden_size intermediate_size
    layer_norm_eps max_position_embeddings num_attention_heads num_hidden_layers type_vocab_size
""")
_DECODER: Final = _keys("""
    attention_bias attention_dropout head_dim hidden_act hidden_size intermediate_size max_position_embeddings
    num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps rope_parameters rope_scaling rope_theta
""")
_WINDOWED: Final = _keys("layer_types max_window_layers sliding_window use_sliding_window")
_GEMMA: Final = _keys("""
    _sliding_window_pattern attn_logit_softcapping cache_implementation final_logit_softcapping hidden_activation
    query_pre_attn_scalar use_bidirectional_attention
""")
_DEBERTA: Final = _keys("""
    conv_act conv_kernel_size legacy max_relative_positions norm_rel_ebd pooler_dropout pooler_hidden_act
    pooler_hidden_size pos_att_type position_biased_input position_buckets relative_attention share_att_key
""")

KEYS: Final[dict[str, frozenset[str]]] = {
    "albert": _BERT | _keys("classifier_dropout_prob embedding_size inner_group_num num_hidden_groups"),
    "bert": _BERT,
    "camembert": _BERT,
    "deberta": _BERT | _DEBERTA,
    "deberta-v2": _BERT | _DEBERTA,
    "distilbert": _keys("""
        activation attention_dropout dim dropout hidden_dim max_position_embeddings n_heads n_layers qa_dropout
        seq_classif_dropout sinusoidal_pos_embds
    """),
    "electra": _BERT | _keys("embedding_size summary_activation summary_last_dropout summary_type summary_use_proj"),
    "gemma2": _DECODER | _WINDOWED | _GEMMA,
    "gemma3_text": _DECODER | _WINDOWED | _GEMMA,
    "llama": _DECODER | _keys("mlp_bias pretraining_tp"),
    "mistral": _DECODER | _WINDOWED,
    "modernbert": _keys("""
        attention_bias attention_dropout classifier_activation classifier_bias classifier_dropout classifier_pooling
        cls_token_id decoder_bias deterministic_flash_attn embedding_dropout hidden_activation hidden_size
        initializer_cutoff_factor intermediate_size layer_types local_attention max_position_embeddings mlp_bias
        mlp_dropout norm_bias norm_eps num_attention_heads num_hidden_layers rope_parameters sep_token_id
        sparse_pred_ignore_index sparse_prediction
    """),
    "mpnet": _BERT | _keys("relative_attention_num_buckets"),
    "qwen2": _DECODER | _WINDOWED,
    "qwen3": _DECODER | _WINDOWED,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
}
"""Keys of each ``model_type``, in addition to the common ones."""

DECODERS: Final = _keys("gemma2 gemma3_text llama mistral qwen2 qwen3")
"""Decoders, which are fine-tuned with LoRA."""

POSITION_OFFSET: Final[dict[str, int]] = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}
"""Positions that some kinds never use, since they count from ``pad_token_id + 1``."""


def config_keys(model_type: str) -> frozenset[str]:
    """Return every key that this kind's configuration may have; none for an unknown kind."""
    own = KEYS.get(model_type)
    return frozenset() if own is None else COMMON | own
