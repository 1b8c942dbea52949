"""What is fuzzed of models and data sets: the files of a directory, as the processes load them that serve and tune."""

from __future__ import annotations

import json
import shutil
import struct
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.fuzz.corpus import ROWS, mapping
from tests.fuzz.judge import Kind
from tests.fuzz.tiny_model import save_tiny_adapter, save_tiny_model
from tests.support.generating import generate
from tests.support.loaded_adapters import load_adapters, select
from tests.support.serve_options import options_for

from llmwright.artifacts.adapter_image import pack_adapter
from llmwright.errors import LLMwrightError
from llmwright_runtime_hf.serve.engine.answer import warm_up
from llmwright_runtime_hf.serve.engine.interface import Job, TextRefusedError
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.http.chat_text import chat_text
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest
from llmwright_runtime_hf.serve.model_files import check_model_files
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions
from llmwright_tuning_qlora.config_sections import DatasetSection, ModelSection
from llmwright_tuning_qlora.train.data.data_file import find_data_files
from llmwright_tuning_qlora.train.data.dataset import read_dataset
from llmwright_tuning_qlora.train.data.questions import read_questions
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer
from llmwright_tuning_qlora.train.model.metadata import context_length, load_tokenizer, read_config

CONFIG, GENERATION = "config.json", "generation_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
SPECIAL, TEMPLATE = "special_tokens_map.json", "chat_template.jinja"
WEIGHTS, ADAPTER, ADAPTER_CONFIG = "model.safetensors", "adapter_model.safetensors", "adapter_config.json"
TALK = {"messages": [{"role": "system", "content": "b"}, {"role": "user", "content": "hello a"}]}
SPECIAL_TOKENS = {"eos_token": {"content": "<|end|>", "lstrip": False, "special": True}, "unk_token": "<unk>"}
SAMPLED = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "repetition_penalty": 1.1, "min_p": 0.1}


class ModelTargets:
    """The kinds that load a model or its tokenizer; ``directory`` is theirs to write into."""

    def __init__(self, directory: Path) -> None:
        self._model = directory / "model"
        self._adapter = directory / "adapter"
        self._data = directory / "data"
        self._layout = directory / "layout"

    def kind(self, name: str) -> Kind:
        """Return corpus and code of a kind by its name."""
        if name == "tokenizer":
            names = (TOKENIZER, TOKENIZER_CONFIG, SPECIAL, TEMPLATE)
            return (json.dumps({name: self._files[name] for name in names}),), self.tokenizer
        if name == "generation config":
            plain = json.loads(self._files[GENERATION])
            return (json.dumps(plain), json.dumps({**plain, **SAMPLED})), self.generation_config
        if name == "weights":
            return (json.dumps(_header(self._files[WEIGHTS])),), self.weights
        if name == "adapter":
            return self._adapters, self.adapter
        return (ROWS, self.data_set) if name == "data set" else ((json.dumps(FILES),), self.data_set_files)

    @cached_property
    def _files(self) -> dict[str, Any]:
        """Write the model that passes; return its files as texts."""
        save_tiny_model(self._model)
        save_tiny_adapter(self._model, self._adapter)
        (self._model / SPECIAL).write_text(json.dumps(SPECIAL_TOKENS))
        files = {}
        for path in (*self._model.iterdir(), *self._adapter.iterdir()):
            files[path.name] = path.read_bytes() if path.suffix == ".safetensors" else path.read_text()
        return files

    @property
    def _adapters(self) -> tuple[str, ...]:
        config = json.loads(self._files[ADAPTER_CONFIG])
        header = _header(self._files[ADAPTER])
        return (json.dumps({"config": config, "header": header, "template": self._files[TEMPLATE]}),)

    def tokenizer(self, text: str) -> None:
        """Serve a chat with the files, and make rows for a tuning with them."""
        for name, content in mapping(text).items():
            if name in self._files:
                self._write(self._model / name, content)
        try:
            with suppress(LLMwrightError):
                tokens = ExampleTokenizer(load_tokenizer(str(self._model), None, ModelSection()))
                read_dataset(find_data_files(self._rows(ROWS[0])), tokens, DatasetSection(), 64)
            loaded = self._loaded()
            for template in loaded.templates.values():
                with suppress(ApiError):
                    chat_text(ChatCompletionRequest.model_validate(TALK), loaded, template)
            _answered(loaded)
        finally:
            self._restore(self._model)

    def generation_config(self, text: str) -> None:
        """Serve with the file's own sampling."""
        (self._model / GENERATION).write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            _answered(self._loaded())
        finally:
            self._restore(self._model)

    def weights(self, text: str) -> None:
        """Serve weights with such a header."""
        self._write_header(self._model / WEIGHTS, text)
        try:
            _answered(self._loaded())
        finally:
            self._restore(self._model)

    def adapter(self, text: str) -> None:
        """Serve the adapter, and pack it."""
        parts = mapping(text)
        self._write(self._adapter / ADAPTER_CONFIG, json.dumps(parts.get("config")))
        self._write(self._adapter / TEMPLATE, parts.get("template"))
        self._write_header(self._adapter / ADAPTER, json.dumps(parts.get("header")))
        try:
            with suppress(LLMwrightError):
                pack_adapter(self._adapter, self._layout, "r.io/a:1", "demo")
            loaded = self._loaded(AdapterSpec("a", self._adapter))
            options = options_for(self._model, adapters=(AdapterSpec("a", self._adapter),))
            select(load_adapters(loaded, options), "a")
            _answered(loaded)
        finally:
            (self._adapter / TEMPLATE).unlink(missing_ok=True)
            self._restore(self._adapter)

    def data_set(self, text: str) -> None:
        """Read the rows in each format; the last verdict is that of JSON."""
        tokens, section = self._tokens, DatasetSection()
        with suppress(ValueError, TypeError):
            self._write(self._data / "train.jsonl", "\n".join(json.dumps(row) for row in json.loads(text)))
        with suppress(LLMwrightError):
            (self._data / "train.json").unlink(missing_ok=True)
            read_dataset(find_data_files(self._data), tokens, section, 64)
        with suppress(LLMwrightError):
            self._write(self._data / "train.csv", text)
            read_dataset(find_data_files(self._data / "train.csv"), tokens, section, 64)
        self._parquet(text)
        path = self._rows(text)
        with suppress(LLMwrightError):
            list(read_questions(path, section))
        read_dataset(find_data_files(path), tokens, section, 64)

    def _parquet(self, text: str) -> None:
        """Read the rows as Parquet, where Parquet can hold them."""
        try:
            table = pa.Table.from_pylist(json.loads(text))
            pq.write_table(table, self._data / "train.parquet")
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError, pa.ArrowException):
            return
        with suppress(LLMwrightError):
            read_dataset(find_data_files(self._data / "train.parquet"), self._tokens, DatasetSection(), 64)

    def data_set_files(self, text: str) -> None:
        """Find the files of a directory, and read them."""
        shutil.rmtree(self._data, ignore_errors=True)
        for name, content in mapping(text).items():
            with suppress(OSError, ValueError):
                path = self._data / name.replace("..", "_").lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                self._write(path, content if isinstance(content, str) else json.dumps(content))
        tokens, files = self._tokens, find_data_files(self._data)
        config = read_config(str(self._model), None, ModelSection())
        read_dataset(files, tokens, DatasetSection(), context_length(config, 64, None, None))

    @cached_property
    def _tokens(self) -> ExampleTokenizer:
        assert self._files
        return ExampleTokenizer(load_tokenizer(str(self._model), None, ModelSection()))

    def _rows(self, text: str) -> Path:
        path = self._data / "train.json"
        self._write(path, text)
        return path

    def _loaded(self, *adapters: AdapterSpec) -> LoadedModel:
        assert self._files
        options: ServeOptions = options_for(self._model, adapters=adapters)
        check_model_files(options)
        return load_model(options)

    def _restore(self, directory: Path) -> None:
        for path in directory.iterdir():
            path.unlink()
        names = (
            (ADAPTER, ADAPTER_CONFIG) if directory == self._adapter else self._files.keys() - {ADAPTER, ADAPTER_CONFIG}
        )
        for name in names:
            content = self._files[name]
            (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def _write_header(self, path: Path, text: str) -> None:
        header = text.encode(errors="surrogatepass")
        whole: bytes = self._files[path.name]
        (length,) = struct.unpack("<Q", whole[:8])
        path.write_bytes(struct.pack("<Q", len(header)) + header + whole[8 + length :])

    @staticmethod
    def _write(path: Path, content: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")


FILES = {
    "README.md": "---\nconfigs: [{config_name: default, data_files: data/*}]\n---\n",
    "data/train-00000-of-00002.jsonl": '{"text": "hello a"}\n',
    "data/train-00001-of-00002.jsonl": '{"text": "a hello"}\n',
    "test.jsonl": '{"text": "a"}\n',
    "dataset_infos.json": {"default": {"splits": {"train": {"num_examples": 2}}, "features": {"text": "string"}}},
    "dataset_dict.json": {"splits": ["train", "test"]},
    "state.json": {"_data_files": [{"filename": "data.arrow"}]},
}


def _header(content: bytes) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", content[:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    return header


def _answered(loaded: LoadedModel) -> None:
    """Start as a server does, and generate two tokens with the model's own defaults."""
    warm_up(loaded, "b")
    try:
        prompt = loaded.encode("hello a", special=True) or [0]
    except TextRefusedError:
        return  # A request gets 400 for it.
    job = Job("b", tuple(prompt), 2, end_tokens=loaded.end_tokens, sampling=loaded.sampling)
    generate(loaded, job)
    assert loaded.most_characters > 0
