"""The making of the demo model: its text, its training, its test, and the new facts that the quickstart teaches it.

Run it from the root of the repository as ``python -m presets.demo_model``. Nothing here is shipped or imported by a
package; only the result is shipped, ``presets/src/llmwright_presets/demo/``. Code that loads, tunes or serves the model
does not belong here: the demo model uses the same code as any other model.
"""
