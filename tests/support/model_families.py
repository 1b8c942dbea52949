"""A tiny random model of each family that transformers loads, saved as a user's own is.

Hidden sizes of 32, two layers (more where a pattern of layers needs them) and a byte-level tokenizer of 260 tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tests.support.tiny_models import TEMPLATE, byte_level_tokenizer, save_tokenizer
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.pytorch_utils import Conv1D

VOCABULARY = 260
CONTEXT = 128
_COMMON: Mapping[str, Any] = {
    "vocab_size": VOCABULARY, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0,
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner"), 48),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), CONTEXT),
    "head_dim": 8, "rotary_dim": 4,
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
}  # fmt: skip
"""Values by the names that families have for one size; a family takes those that its config knows."""

_LATENT = {
    "kv_lora_rank": 8, "q_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "num_key_value_heads": 4, "first_k_dense_replace": 1,
}  # fmt: skip
_INDEXED = {
    **_LATENT,
    "index_topk": 16,
    "index_head_dim": 8,
    "index_n_heads": 8,
    "mlp_layer_types": ["dense", "sparse"],
}
_HYBRID = ["linear_attention", "full_attention"]
_MAMBA_2 = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 16}
_DELTA = {
    "layer_types": _HYBRID, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}  # fmt: skip
_VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_PIXTRAL = {**_VISION, "model_type": "pixtral", "image_size": 32, "patch_size": 16, "head_dim": 8}
_QWEN_VISION = {
    "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "patch_size": 4, "out_hidden_size": 32,
    "num_position_embeddings": 16,
}  # fmt: skip
_SLIDING = {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
_MROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}}

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    # of the catalogue
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "mistral": {"sliding_window": None},
    "phi3": {"sliding_window": None},
    "granite": {},
    "gpt_oss": {**_SLIDING},
    "minimax_m2": {},
    "deepseek_v3": {**_LATENT},
    "deepseek_v32": {**_INDEXED},
    "deepseek_v4": {
        "layer_types": ["heavily_compressed_attention", "compressed_sparse_attention"], "head_dim": 16,
        "num_key_value_heads": 1, "q_lora_rank": 8, "qk_rope_head_dim": 4, "o_groups": 2, "o_lora_rank": 8,
        "index_n_heads": 2, "index_head_dim": 8, "index_topk": 8, "sliding_window": 16, "hc_mult": 2,
        "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
        "mlp_layer_types": ["hash_moe", "moe"],
    },
    "glm_moe_dsa": {**_INDEXED},
    "nemotron_h": {
        "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp"], "mamba_num_heads": 8,
        "mamba_head_dim": 8, "ssm_state_size": 8, "n_groups": 2, "chunk_size": 16,
        "moe_shared_expert_intermediate_size": 16, "num_hidden_layers": None,
    },
    "gemma3": {
        "text_config": {"model_type": "gemma3_text", **_SLIDING, "query_pre_attn_scalar": 8},
        "vision_config": {**_VISION, "image_size": 32, "patch_size": 16}, "mm_tokens_per_image": 4,
        "image_token_index": 250, "boi_token_index": 251, "eoi_token_index": 252,
    },
    "gemma4": {
        "text_config": {"model_type": "gemma4_text", **_SLIDING, "hidden_size_per_layer_input": 8,
                        "vocab_size_per_layer_input": VOCABULARY, "num_experts": None},
        "vision_config": {**_VISION, "num_key_value_heads": 2, "head_dim": 8, "position_embedding_size": 32},
        "image_token_id": 250, "boi_token_id": 251, "eoi_token_id": 252, "video_token_id": 253, "audio_token_id": 254,
        "boa_token_id": 255, "eoa_token_index": 256,
    },
    "gemma4_unified": {
        "text_config": {"model_type": "gemma4_unified_text", **_SLIDING},
        "vision_config": {"mm_embed_dim": 16, "mm_posemb_size": 16, "output_proj_dims": 32}, "image_token_id": 250,
        "boi_token_id": 251, "eoi_token_id": 252, "video_token_id": 253, "audio_token_id": 254, "boa_token_id": 255,
        "eoa_token_index": 256,
    },
    "kimi_k25": {
        "text_config": {"model_type": "deepseek_v3", **_LATENT}, "vision_config": {**_VISION, "pos_emb_height": 4,
        "pos_emb_width": 4, "pos_emb_time": 1}, "projection_hidden_size": 16, "image_token_id": 250,
        "video_token_id": 251, "vision_start_token_id": 252, "vision_end_token_id": 253,
    },
    "mistral3": {"text_config": {"model_type": "ministral3"}, "vision_config": _PIXTRAL, "image_token_index": 250},
    "qwen3_5": {
        "text_config": {"model_type": "qwen3_5_text", **_DELTA}, "vision_config": _QWEN_VISION,
        "image_token_id": 250, "video_token_id": 251, "vision_start_token_id": 252, "vision_end_token_id": 253,
    },
    "qwen3_5_moe": {
        "text_config": {"model_type": "qwen3_5_moe_text", **_DELTA}, "vision_config": _QWEN_VISION,
        "image_token_id": 250, "video_token_id": 251, "vision_start_token_id": 252, "vision_end_token_id": 253,
    },
    # others
    "apertus": {},
    "bamba": {"attn_layer_indices": [1], **_MAMBA_2},
    "bloom": {"hidden_size": 32},
    "codegen": {},
    "cohere": {},
    "cohere2": {**_SLIDING},
    "deepseek_v2": {**_LATENT},
    "ernie4_5": {},
    "exaone4": {**_SLIDING},
    "falcon": {"alibi": False},
    "falcon_h1": {**_MAMBA_2, "mamba_d_ssm": 64},
    "falcon_mamba": {"state_size": 8},
    "gemma": {},
    "gemma2": {**_SLIDING, "query_pre_attn_scalar": 8},
    "glm4": {},
    "gpt2": {},
    "gpt_bigcode": {},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 16},
    "gpt_neox": {},
    "gptj": {},
    "granitemoehybrid": {"layer_types": _HYBRID, **_MAMBA_2, "shared_intermediate_size": 16},
    "helium": {},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "mamba_d_state": 8},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "llama4_text": {"intermediate_size_mlp": 48, "attention_chunk_size": 16},
    "llava": {
        "text_config": {"model_type": "llama"}, "image_token_index": 250,
        "vision_config": {**_VISION, "model_type": "clip_vision_model", "image_size": 32, "patch_size": 16},
    },
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1, "chunk_size": 16},
    "mixtral": {},
    "mpt": {},
    "nemotron": {"head_dim": 8},
    "olmo": {},
    "olmo2": {},
    "olmo_hybrid": {**_DELTA},
    "olmoe": {},
    "opt": {},
    "phi": {},
    "phimoe": {},
    "qwen2_5_vl": {
        "text_config": {"model_type": "qwen2_5_vl_text", **_MROPE}, "vision_config": _QWEN_VISION,
        "image_token_id": 250, "video_token_id": 251, "vision_start_token_id": 252, "vision_end_token_id": 253,
    },
    "qwen2_moe": {},
    "qwen3_moe": {},
    "qwen3_next": {**_DELTA},
    "qwen3_vl": {
        "text_config": {"model_type": "qwen3_vl_text", **_MROPE},
        "vision_config": {**_QWEN_VISION, "deepstack_visual_indexes": [0]},
        "image_token_id": 250, "video_token_id": 251, "vision_start_token_id": 252, "vision_end_token_id": 253,
    },
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 32, "attention_window_size": 16},
    "rwkv": {"context_length": CONTEXT, "attention_hidden_size": 32},
    "smollm3": {},
    "stablelm": {},
    "starcoder2": {"sliding_window": 16},
    "xglm": {},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid"] * 2, "num_hidden_layers": 4, "mamba_d_state": 8,
        "attention_head_dim": 16,
    },
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"], **_MAMBA_2},
}  # fmt: skip
"""Values of each family's config besides the common ones, by the ``model_type`` of transformers."""


@dataclass(frozen=True)
class SavedFamily:
    """A model's directory, and the model as it was saved."""

    directory: Path
    model: Any

    def greedy(self, prompt: Sequence[int], count: int) -> list[int]:
        """Return the next ``count`` tokens by transformers' own ``generate``, which no end token ends."""
        ids = torch.tensor([list(prompt)])
        mask = torch.ones_like(ids)
        made = self.model.generate(ids, attention_mask=mask, max_new_tokens=count, do_sample=False, pad_token_id=0)
        return [int(token) for token in made[0, ids.shape[1] :]]


def save_family(directory: Path, family: str) -> SavedFamily:
    """Write the model of ``family`` and its tokenizer."""
    model = random_model(family)
    model.save_pretrained(directory)
    save_tokenizer(directory, byte_level_tokenizer(vocabulary=VOCABULARY), chat_template=TEMPLATE)
    model.generation_config.eos_token_id = None
    return SavedFamily(directory, model)


def random_model(family: str) -> Any:
    """Return a model of ``family`` whose weights are large enough for its greedy text to differ by the prompt."""
    torch.manual_seed(0)
    values = FAMILIES[family]
    loader: Any = AutoModelForImageTextToText if "text_config" in values else AutoModelForCausalLM
    model = loader.from_config(family_config(family, values))
    module: Any
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear | Conv1D):
                module.weight.normal_(0, 0.4)
            elif isinstance(module, torch.nn.Embedding):
                # Small beside the layers' outputs: a model whose head is its embedding would repeat its last token.
                module.weight.normal_(0, 0.02)
            elif "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
                module.weight.add_(torch.randn_like(module.weight), alpha=1.0)
    return model.eval()


def family_config(family: str, values: Mapping[str, Any]) -> Any:
    """Return the config of ``family`` with the common sizes that it knows and ``values``."""
    kind = CONFIG_MAPPING[family]
    known = {field.name: field.default for field in dataclasses.fields(kind)}
    if "text_config" in values:
        text = dict(values["text_config"])
        nested = family_config(text.pop("model_type"), text)
        return kind(**{**_special(known), **values, "text_config": nested})
    sizes = {name: value for name, value in _COMMON.items() if name in known}
    return kind(**{name: value for name, value in {**sizes, **values}.items() if name in known})


def _special(known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _COMMON.items() if name in known and name.endswith("token_id")}
