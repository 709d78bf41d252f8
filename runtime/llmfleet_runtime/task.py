"""Pure: whether a model can do what is asked of it, as far as its architecture tells."""

JUDGING = "ForSequenceClassification"
"""Ends the names of architectures that end in a score. Told to generate with one, vLLM 0.32 starts and answers all the
same, though it has no matrix that makes tokens of its own. (vllm/config/model.py, ``_SUFFIX_TO_DEFAULTS``)"""


def unfit(task: str | None, architecture: str | None) -> str:
    """Why a model of this architecture cannot do the task; empty when it may."""
    if task in (None, "Score") or not (architecture or "").endswith(JUDGING):
        return ""
    return f"model.task is {task}, and a {architecture} does nothing but Score"
