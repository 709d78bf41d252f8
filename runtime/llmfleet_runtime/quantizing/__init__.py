"""``python -m llmfleet_runtime.quantizing``: makes quantized checkpoints with llm-compressor, and judges them.

It runs in an environment that has llm-compressor (``pip install 'llmfleet[quantize]'``), beside the model. ``recipes``,
``text``, ``evaluation`` and ``refusals`` are pure; ``compressor`` alone knows llm-compressor, ``reference``
transformers, and ``engine`` how to ask vLLM.
"""
