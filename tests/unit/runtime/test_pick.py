"""sources/pick.py: which of a model's files are fetched, and which is told to the engine."""

import pytest

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused
from llmfleet_runtime.sources.pick import entry, pick
from llmfleet_runtime.sources.store import File

REPOSITORY = (
    ".gitattributes", "README.md", "config.json", "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json", "modeling_odd.py", "original/consolidated.00.pth", "original/params.json",
    "pytorch_model.bin", "tokenizer.json", "tokenizer.model", "onnx/model.onnx", "chat_template.jinja",
)  # fmt: skip
QUANTS = ("README.md", "tiny-Q4_K_M.gguf", "tiny-Q8_0-00001-of-00002.gguf", "tiny-Q8_0-00002-of-00002.gguf")


def picked(names, **wanted):
    return [each.name for each in pick([File(name, 1) for name in names], ModelFiles(**wanted))]


def refusal(names, **wanted):
    with pytest.raises(SourceRefused) as refused:
        picked(names, **wanted)
    return refused.value


def test_by_default_it_is_what_an_engine_needs():
    assert picked(REPOSITORY) == [
        "README.md",
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
        "tokenizer.model",
        "chat_template.jinja",
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"include": ("*.safetensors",)}, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
        ({"include": ("model-*1-of*", "conf*")}, ["config.json", "model-00001-of-00002.safetensors"]),
        (
            {"include": ("*.safetensors", "*.py", "*.bin"), "exclude": ("*-00002-*",)},
            ["model-00001-of-00002.safetensors"],
        ),
        ({"include": ("original/*", "*.safetensors"), "exclude": ("model-*",)}, None),
    ],
)
def test_patterns_choose_but_never_what_may_hold_code(wanted, expected):
    if expected is None:
        assert refusal(REPOSITORY, **wanted).reason is DownloadReason.UNSAFE
    else:
        assert picked(REPOSITORY, **wanted) == expected


@pytest.mark.proves("S43")
@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt", "MODEL.PKL", "a/b.ckpt"])
def test_a_model_of_pickles_only_is_unsafe_and_the_first_is_named(name):
    found = refusal(["config.json", name])
    assert (found.reason, name in str(found)) == (DownloadReason.UNSAFE, True)


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        ((), {}, "no files at model.uri"),
        (("config.json",), {}, "1 files at model.uri, and no safetensors or GGUF file"),
        (REPOSITORY, {"exclude": ("*.safetensors", "*.bin")}, "that model.files lets through"),
    ],
)
def test_a_model_without_weights_is_not_found(names, wanted, words):
    found = refusal(names, **wanted)
    assert (found.reason, words in str(found)) == (DownloadReason.NOT_FOUND, True)


@pytest.mark.parametrize("name", ["/etc/x.json", "../x.json", "a/../../x.json"])
def test_a_name_that_leads_out_is_left_out(name):
    assert picked([name, "model.safetensors"]) == ["model.safetensors"]


def test_weights_in_two_formats_are_fetched_in_one():
    assert picked(["a.gguf", "a.safetensors"]) == ["a.safetensors"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("config.json", "model.safetensors"), ""),
        (("tiny-Q4_K_M.gguf", "README.md"), "tiny-Q4_K_M.gguf"),
        (("b/tiny-00002-of-00002.gguf", "b/tiny-00001-of-00002.gguf"), "b/tiny-00001-of-00002.gguf"),
        (("tiny-Q4_K_M.gguf", "mmproj-tiny-f16.gguf"), "tiny-Q4_K_M.gguf"),
        (("tiny-Q4_K_M.gguf", "MTP/mtp-tiny.gguf", "tiny-mmproj-f16.gguf", "imatrix.gguf"), "tiny-Q4_K_M.gguf"),
        (("mmproj/tiny-00001-of-00002.gguf", "mmproj/tiny-00002-of-00002.gguf"), "mmproj/tiny-00001-of-00002.gguf"),
        (("mmproj-tiny-f16.gguf",), "mmproj-tiny-f16.gguf"),
    ],
)
def test_the_engine_gets_the_folder_or_its_one_gguf_model(names, expected):
    assert entry(names) == expected


def test_what_lies_beside_a_model_is_fetched_with_it():
    """An engine may look for the projector in the model's folder."""
    assert picked(["mmproj-tiny-f16.gguf", "tiny.gguf"]) == ["mmproj-tiny-f16.gguf", "tiny.gguf"]


def test_several_gguf_models_ask_for_a_choice_before_anything_is_fetched():
    with pytest.raises(SourceRefused, match=r"2 GGUF models; name one in model.files.include: .*Q4_K_M.gguf"):
        picked((*QUANTS, "mmproj-tiny-f16.gguf"))
    assert entry(picked(QUANTS, include=("*Q8_0*",))) == "tiny-Q8_0-00001-of-00002.gguf"
