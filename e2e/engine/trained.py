"""A small Llama that has learned to write like Python's own manual, so that perplexity means something.

Learns in the environment of ``compressor``: ``python -m e2e.engine.trained FOLDER``. A minute on two cores: 1.7 million
weights, 2 layers, hidden size 256, a vocabulary of 1,024 pairs of bytes that comes from the same text. The text
is the one that ``llmfleet quantize`` takes by default, less the part that it evaluates on.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from e2e.engine.install import cache_folder
from llmfleet_runtime.quantizing.text import default_text, parts

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = 1024
SPECIAL = ("<s>", "</s>", "<pad>")
POSITIONS = 1024
SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
}
SEED = 20261129
BATCH, WINDOW = 8, 128
STEPS = 300
RATE = 4e-3
"""Of the optimizer, falling to nothing along half a cosine."""


def trained(python: str) -> Path:
    """The folder of the model, which learns first where it is missing; ``python`` is the environment's."""
    made_of = Path(__file__).read_text() + default_text()
    folder = cache_folder() / "trained" / hashlib.sha256(made_of.encode()).hexdigest()[:10]
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        paths = os.pathsep.join((str(ROOT), str(ROOT / "runtime")))
        command = (python, "-P", "-m", "e2e.engine.trained", str(partial))
        # Two threads wait for each other on a machine that does something else as well.
        subprocess.run(command, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, check=True)
        partial.rename(folder)
    return folder


def trained_model(target: Path) -> float:
    """Write the model into ``target`` and return its last loss, in nats a token."""
    import torch  # noqa: PLC0415 because the folder's other modules do without it
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 because of the same

    torch.manual_seed(SEED)
    learned, _ = parts(default_text())
    tokenizer = _tokenizer(learned)
    tokens = torch.tensor(tokenizer(learned)["input_ids"])
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, tie_word_embeddings=False, **SHAPE)
    model = LlamaForCausalLM(config)
    loss = _learn(model, tokens)
    target.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(target)
    model.to(torch.bfloat16).save_pretrained(target)
    return loss


def _tokenizer(text: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415 because of the same
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 because of the same

    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    pairs.train_from_iterator(text.splitlines(keepends=True), trainer)
    begin, end, pad = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=pairs, bos_token=begin, eos_token=end, pad_token=pad, model_max_length=POSITIONS
    )


def _learn(model: Any, tokens: Any) -> float:
    import torch  # noqa: PLC0415 because of the same

    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    began, loss = time.monotonic(), torch.tensor(0.0)
    for step in range(1, STEPS + 1):
        starts = torch.randint(len(tokens) - WINDOW, (BATCH,))
        batch = torch.stack([tokens[start : start + WINDOW] for start in starts])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step} of {STEPS}, loss {loss.item():.2f}, {time.monotonic() - began:.0f} s", flush=True)
    return float(loss.item())


if __name__ == "__main__":
    trained_model(Path(sys.argv[1]))
