"""How many Workspaces are checked per second on one core, from parsed documents and from text.

``python -m benchmarks.check [--rounds N] [--seconds S]`` prints the median over the rounds and their spread. Goals:
2,000 per second from parsed documents, 500 from text. The two kinds of rounds are interleaved.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from llmwright.api.document import Document, load_documents, parse_workspace
from llmwright.api.workspace import Workspace
from llmwright.artifacts.addresses import SourceRules, check_url
from llmwright.artifacts.image_reference import reference_problem
from llmwright.catalogue.catalogue import Catalogue
from llmwright.check import (
    CatalogueFacts,
    CheckInput,
    ClusterFacts,
    DriverFacts,
    PolicyFacts,
    check_workspace,
)
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry

TRAINING = """\
training_config:
  ModelConfig: {torch_dtype: bfloat16, local_files_only: true, device_map: auto}
  QuantizationConfig: {load_in_4bit: true, bnb_4bit_quant_type: nf4, bnb_4bit_compute_dtype: bfloat16}
  LoraConfig: {r: 16, lora_alpha: 32, lora_dropout: 0.05}
  TrainingArguments: {output_dir: /mnt/results, num_train_epochs: 4}
"""

TUNE = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-tuning-phi-3
resource:
  instanceType: Standard_NC6s_v3
  labelSelector:
    matchLabels:
      app: tuning-phi-3
tuning:
  preset:
    name: phi-3-mini-128k-instruct
  method: qlora
  config: mine
  input:
    urls:
      - https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/train.parquet?download=true
  output:
    image: ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1
    imagePushSecret: ACR_REGISTRY_SECRET_HERE
"""

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: workspace-phi-4
  annotations:
    kaito.sh/runtime: transformers
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector:
    matchLabels:
      apps: phi-4
inference:
  preset:
    name: phi-4
  adapters:
    - source: {name: a, image: registry.example.com/adapters/a:1}
      strength: "0.5"
    - source: {name: b, image: registry.example.com/adapters/b:1}
"""

TEXTS = (TUNE, SERVE)


def installed_inputs() -> Callable[[Workspace], CheckInput]:
    """What the CLI knows: the installed catalogue and drivers, and the address and image rules."""
    registry, rules = Registry(), SourceRules()
    catalogue = Catalogue.of_plugins(registry.hooks())
    known = CatalogueFacts(
        find_preset=catalogue.find_preset,
        preset_names=lambda: [preset.name for preset in catalogue.presets()],
        find_instance_type=lambda name: catalogue.find_instance_type(name, "azure"),
        instance_type_names=lambda: [machine.name for machine in catalogue.instance_types("azure")],
    )
    drivers = DriverFacts(installed=DriverSet.of_registry(registry))
    cluster = ClusterFacts(config_files=lambda _, name: {"training_config.yaml": TRAINING} if name == "mine" else None)
    policy = PolicyFacts(image_problem=reference_problem, url_problem=lambda url: check_url(url, rules))
    return lambda workspace: CheckInput(
        written=workspace, catalogue=known, drivers=drivers, cluster=cluster, policy=policy
    )


def documents() -> list[Document]:
    """``TEXTS``, read anew."""
    return [document for text in TEXTS for document in load_documents(text)]


def rate(work: Callable[[], object], seconds: float) -> float:
    """Workspaces per second of processor time; each call of ``work`` does all of ``TEXTS``."""
    started, done = time.process_time(), 0
    while time.process_time() - started < seconds:
        work()
        done += len(TEXTS)
    return done / (time.process_time() - started)


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    inputs = installed_inputs()
    parsed = [parse_workspace(document) for document in documents()]
    kinds: dict[str, Callable[[], object]] = {
        "parsed document": lambda: [check_workspace(inputs(workspace)) for workspace in parsed],
        "text": lambda: [check_workspace(inputs(workspace)) for workspace in map(parse_workspace, documents())],
    }
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind, work in kinds.items():
            rates[kind].append(rate(work, options.seconds))
    for kind, found in rates.items():
        print(f"{kind:16} {statistics.median(found):8,.0f} /s   ({min(found):,.0f} to {max(found):,.0f})")


if __name__ == "__main__":
    main()
