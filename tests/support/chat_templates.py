"""Small chat templates, each of a form that a family of the catalogue has, in our own words."""

from __future__ import annotations

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADERS = (
    "<|begin|>{% for m in messages %}<|header|>{{ m.role }}<|end_header|>\n\n{{ m.content | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|end_header|>\n\n{% endif %}"
)
BRACKETS = (
    "<|begin|>{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'system' %}[SYS] {{ m.content }} [/SYS]"
    "{% else %}{{ raise_exception('unknown role ' + m.role) }}{% endif %}{% endfor %}"
)
TAILED = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
"""Ends a conversation with the end token unless the model is to go on, as Phi-3's."""
REWRITING = (
    "{% set last = messages | selectattr('role', 'equalto', 'user') | list | length %}{% set seen = namespace(n=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set seen.n = seen.n + 1 %}{% endif %}"
    "<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and seen.n == last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Writes reasoning before the last answer only, as Qwen3's."""
THINKING = (
    "<|begin|>{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>{{ m.content }}{{ eos_token }}"
    "{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
"""Opens the reasoning in the generation prompt, as DeepSeek-R1's."""
ENDLESS = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
"""Writes no end token after an answer."""
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}<|im_end|>\n{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Marks the answers for training, without their end token."""

OTHER_END = (
    "{% for m in messages %}<|header|>{{ m.role }}<|end_header|>{{ m.content }}"
    "{% if m.role == 'assistant' and loop.last %}<|eot|>{% else %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|end_header|>{% endif %}"
)
"""Ends the last answer with another token than earlier ones, as gpt-oss's."""
TAILED_REWRITING = (
    "{% for m in messages %}<|{{ m.role }}|>\n{% if m.role == 'assistant' and loop.last %}<think>\n</think>\n"
    "{% endif %}{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
"""Both rewrites earlier turns and closes a conversation."""
TAILED_THINKING = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n<think>\n{% else %}{{ eos_token }}{% endif %}"
)
"""Both opens the reasoning in the generation prompt and closes a conversation."""
LAST_QUESTION = (
    "<|begin|>{% for m in messages %}{% if m.role == 'user' %}[INST] {% if loop.last %}Be brief.\n\n{% endif %}"
    "{{ m.content }}[/INST]{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
"""Writes instructions into the last question only, as Mistral's system prompt."""
UNENDED = (
    "<|begin|>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""Ends an answer by the next turn's token alone, as GLM-4's."""
SEPARATED = (
    "{% for m in messages %}{% if not loop.first %}{{ '\n\n' }}{% endif %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n\n' }}<|assistant|>{% endif %}"
)
"""Writes blank lines before each turn but the first."""
REOPENED = CHATML.replace("{% if add_generation_prompt %}", "").removesuffix("{% endif %}")
"""Opens an answer at the end of every conversation, whether asked for or not."""
DROPPING = (
    "<|begin|>{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>{{ m.content.split('</think>')[-1] }}"
    "{{ eos_token }}{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
"""Drops the reasoning of all answers, as DeepSeek-R1's."""
DROPPING_UNOPENED = DROPPING.replace("<|assistant|><think>\n{% endif %}", "<|assistant|>{% endif %}")
"""Drops the reasoning of all answers, and leaves its opening to the model: DeepSeek-R1-0528's."""
REASONING = (
    "{% set last = namespace(user=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set last.user = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% set text = m.content %}{% if m.role == 'assistant' %}"
    "{% set why = m.reasoning_content or '' %}{% if '</think>' in text %}"
    "{% set why = text.split('</think>')[0].split('<think>')[-1] %}{% set text = text.split('</think>')[-1] %}"
    "{% endif %}{% if loop.index0 > last.user %}<think>\n{{ why | trim }}\n</think>\n\n{% endif %}"
    "{% set text = text | trim %}{% endif %}{{ text }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Writes the reasoning after the last question only, as Qwen3's."""

LATE_SYSTEM = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set messages = messages[1:] %}"
    "{% endif %}<|begin|>{% for m in messages %}{% if m.role == 'user' %}[INST] "
    "{% if loop.last and system is defined %}{{ system }}\n\n{% endif %}{{ m.content }}[/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
"""Writes the system prompt into the last question only, which a finished conversation does not have: Mistral 7B's."""
THINKING_CALLS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{% if m.content %}{{ '\n' }}{% endif %}<tool_call>"
    "{{ c.function.name }}({{ c.function.arguments | tojson }})</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
"""Writes calls after reasoning in the last turn, and without it in earlier ones: Qwen 3.5's."""
MARKED_WHOLE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "<|im_end|>\n{% endgeneration %}{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Marks the answers with their end token and the line after it, as trl's templates for training."""

FAMILIES: dict[str, str | None] = {
    "chatml": CHATML,
    "headers": HEADERS,
    "brackets": BRACKETS,
    "tailed": TAILED,
    "rewriting": REWRITING,
    "thinking": THINKING,
    "endless": ENDLESS,
    "marked": MARKED,
    "none": None,
}
REWRITERS = {
    "other end": OTHER_END,
    "tailed and rewriting": TAILED_REWRITING,
    "tailed and thinking": TAILED_THINKING,
    "last question": LAST_QUESTION,
    "unended": UNENDED,
    "separated": SEPARATED,
    "reopened": REOPENED,
    "dropping": DROPPING,
    "dropping unopened": DROPPING_UNOPENED,
    "reasoning": REASONING,
    "late system": LATE_SYSTEM,
    "thinking calls": THINKING_CALLS,
    "marked whole": MARKED_WHOLE,
}
"""Further forms of templates, most of which write a turn otherwise once another follows."""
SPECIAL = (
    "<|begin|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|header|>",
    "<|end_header|>",
    "<|eot|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|endoftext|>",
)
