"""Keys of upstream's ``training_config.yaml`` that this tuner refuses, ignores, or knows by another name."""

from __future__ import annotations

REFUSED: dict[str, dict[str, str]] = {
    "ModelConfig": {"state_dict": "weights come from the preset"},
    "QuantizationConfig": {"bnb_4bit_quant_storage": "the storage type is bitsandbytes' default"},
    "LoraConfig": {
        **dict.fromkeys(
            ("eva_config", "corda_config", "lora_ga_config", "velora_config", "monteclora_config", "kasa_config"),
            "this initialisation is not offered",
        ),
        **dict.fromkeys(("megatron_config", "megatron_core"), "Megatron is not used"),
        **dict.fromkeys(
            ("layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens"),
            "servers of adapters cannot load the result",
        ),
        **dict.fromkeys(("use_qalora", "use_bdlora", "arrow_config"), "this kind of adapter is not offered"),
    },
    "TrainingArguments": {
        **dict.fromkeys(("packing", "packing_strategy", "eval_packing", "padding_free"), "rows are never packed"),
        **dict.fromkeys(("fsdp", "fsdp_config", "deepspeed"), "training is distributed by data parallelism only"),
        **dict.fromkeys(("push_to_hub", "hub_model_id", "hub_token"), "the adapter is pushed to tuning.output"),
        **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model"), "the adapter is that of the last step"),
        **dict.fromkeys(
            ("assistant_only_loss", "completion_only_loss"), "the loss is on the answers, and on all of a plain text"
        ),
        "auto_find_batch_size": "the batch size is what you say",
        "loss_type": "the loss is cross-entropy on the next token",
        "model_init_kwargs": "use ModelConfig",
        "chat_template_path": "use ModelConfig.chat_template",
        "truncation_mode": "rows are never truncated",
    },
    "DatasetConfig": {},
    "DataCollator": {},
}
"""Upstream keys that would change the result, and that this tuner does not support: section, key, reason."""

IGNORED: dict[str, frozenset[str]] = {
    "ModelConfig": frozenset(
        {"pretrained_model_name_or_path", "output_loading_info", "proxies", "device_map", "low_cpu_mem_usage"}
    ),
    "QuantizationConfig": frozenset(),
    "LoraConfig": frozenset({"loftq_config", "inference_mode", "peft_type", "base_model_name_or_path", "revision"}),
    "TrainingArguments": frozenset(
        {
            "report_to", "run_name", "project", "log_level", "logging_dir", "logging_strategy", "logging_first_step",
            "disable_tqdm", "do_train", "do_eval", "do_predict", "resume_from_checkpoint", "overwrite_output_dir",
            "remove_unused_columns", "dataset_text_field", "dataset_num_proc", "dataset_kwargs", "label_names",
            "gradient_checkpointing_kwargs", "use_cpu", "no_cuda", "local_rank", "ddp_backend", "ddp_timeout",
            "dataloader_pin_memory", "save_safetensors", "save_only_model", "skip_memory_metrics", "use_cache",
            "prediction_loss_only", "include_num_input_tokens_seen", "pad_to_multiple_of", "activation_offloading",
        }
    ),
    "DatasetConfig": frozenset(),
    "DataCollator": frozenset({"tokenizer", "return_tensors", "random_replace_prob", "mask_replace_prob"}),
}  # fmt: skip
"""Upstream keys that do not change the result. Each is accepted with a note."""

RENAMED: dict[str, dict[str, str]] = {
    "ModelConfig": {"dtype": "torch_dtype"},
    "TrainingArguments": {"evaluation_strategy": "eval_strategy", "max_seq_length": "max_length"},
}
"""Other names of keys in some versions of transformers and trl."""
