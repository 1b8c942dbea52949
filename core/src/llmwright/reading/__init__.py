"""Reading what users and other programs wrote: the only place that opens their files and parses their text.

Every reader has bounds (bytes, depth, values, digits), so that no input hangs or fills the memory, and every refusal is
an error that its caller can place. What the text means belongs to the rooms above.
"""
