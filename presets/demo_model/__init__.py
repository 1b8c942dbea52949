"""The workshop of the demo model: its text, its training, its examination, and the new facts the quickstart teaches it.

Run from the root of the repository as ``python -m presets.demo_model``. Nothing here is shipped or imported by a
package: what is shipped is the result, ``presets/src/llmwright_presets/demo/``. Code that loads, tunes or serves the
model does not belong here either; the demo model goes through the same code as any other.
"""
