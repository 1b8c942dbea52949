"""The workload half: read a data set, train a LoRA or QLoRA adapter, write it.

Start it as ``python -m llmwright_tuning_qlora.train``. ``pipeline`` is the course of a run: ``data/`` reads, checks and
tokenises the data set, without torch; ``model/`` loads the base model and adds the adapter; ``loop/`` trains it and
keeps checkpoints; ``results/`` writes the files.

What does not belong here: fetching data and delivering adapters, which the core does. The only network access is
loading a model by its hub id.
"""
