"""What is read of a model where pods fetch it from: the files that they would fetch, and of those the heads alone."""

import io
import json
import tarfile
from collections.abc import Iterator

import pytest

from llmfleet_runtime.contract import Findings, ModelFiles
from llmfleet_runtime.inspection import ranges, repository
from llmfleet_runtime.inspection.__main__ import BAD_MODEL, UNREADABLE, main
from llmfleet_runtime.inspection.ranges import ATTEMPTS
from llmfleet_runtime.inspection.repository import HEAD_BYTES, USUAL_HEADER_BYTES
from llmfleet_runtime.source import DownloadReason, SourceRefused
from llmfleet_runtime.sources.store import File, Interrupted, Listing
from tests.unit.runtime.inspection import written

CONFIG = json.dumps(written.LLAMA).encode()
WEIGHTS = written.safetensors({"model.embed_tokens.weight": ("BF16", (512, 1024))})


def gguf(name: str = "llama", rows: int = 8, vocabulary: int = 3) -> bytes:
    words = [f"word {number}" for number in range(vocabulary)]
    metadata = {"general.architecture": name, "tokenizer.ggml.tokens": words}
    return written.gguf(metadata, {"token_embd.weight": (1, (4, rows))}) + bytes(2**20)


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return written.getvalue()


class Memory:
    """A store in memory that counts what it gives, and cuts as it is told."""

    pinned: str | None = None

    def __init__(self, files: dict[str, bytes], *, cuts: int = 0, piece: int = 2**20, is_ranged: bool = True) -> None:
        self.files, self.cuts, self.piece, self.is_ranged = files, cuts, piece, is_ranged
        self.given: dict[str, int] = {}

    def listing(self) -> Listing:
        files = (
            File(name, len(data), is_archive=name.endswith(".tar"), is_ranged=self.is_ranged)
            for name, data in self.files.items()
        )
        return Listing("c0ffee", tuple(files))

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, self.piece):
            piece = self.files[file.name][at : min(at + self.piece, end)]
            self.given[file.name] = self.given.get(file.name, 0) + len(piece)
            yield piece
            if self.cuts:
                self.cuts -= 1
                raise Interrupted("cut")


@pytest.fixture
def inspected(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Inspect a store; the exit code and the report."""

    def run(store: Memory, **files: tuple[str, ...]) -> tuple[int, Findings]:
        monkeypatch.setattr(repository, "store_of", lambda _: store)
        report = tmp_path / "report"
        code = main(["s3://b", "--files", ModelFiles(**files).to_json(), "--report", str(report)])
        return code, Findings.model_validate_json(report.read_bytes())

    return run


def test_of_weights_the_head_is_read_and_of_other_files_the_name(inspected) -> None:
    store = Memory({"config.json": CONFIG, "model.safetensors": WEIGHTS, "tokenizer.json": b"{}" * 2**20})
    code, found = inspected(store)
    assert (code, found.commit, found.facts.weights[0].bytes) == (0, "c0ffee", 2**20)
    assert found.facts.has_tokenizer
    assert store.given == {"config.json": len(CONFIG), "model.safetensors": USUAL_HEADER_BYTES}


@pytest.mark.parametrize(
    ("vocabulary", "most"), [(3, HEAD_BYTES[0]), (100_000, HEAD_BYTES[1])], ids=["a short head", "a long one"]
)
def test_of_gguf_files_no_more_is_read_than_the_head_may_need(inspected, vocabulary: int, most: int) -> None:
    store = Memory({"a.gguf": gguf(vocabulary=vocabulary) + bytes(2 * HEAD_BYTES[1])})
    assert inspected(store)[1].facts.format == "GGUF"
    assert store.given == {"a.gguf": most}


MANY = {"q4/a.gguf": gguf(rows=8), "q8/a.gguf": gguf(rows=16), "README.md": b""}


def test_of_several_models_the_one_that_is_asked_for_is_read(inspected) -> None:
    code, found = inspected(Memory(MANY), include=("q8/*",))
    assert (code, found.facts.weights[0].elements) == (0, 64)
    assert inspected(Memory(MANY), exclude=("q8/*",))[1].facts.weights[0].elements == 32


def test_a_model_in_parts_is_all_of_them(inspected) -> None:
    parts = {f"q4/a-0000{number}-of-00002.gguf": gguf(rows=8 * number) for number in (1, 2)}
    code, found = inspected(Memory(parts))
    assert (code, found.facts.weights[0].elements) == (0, 32 + 64)


@pytest.mark.parametrize("top", ["", "./", "tiny-1.0/"])
def test_a_plain_archive_is_read_where_it_is(inspected, top: str) -> None:
    many = {f"{top}{number}.json": b"{}" * 2**16 for number in range(8)}
    files = {f"{top}model.safetensors": WEIGHTS, f"{top}config.json": CONFIG, **many}
    store = Memory({"model.tar": tar(files)})
    code, found = inspected(store)
    assert (code, found.facts.weights[0].bytes) == (0, 2**20)
    assert store.given["model.tar"] < len(WEIGHTS)


def test_in_archives_the_last_of_a_name_counts_as_in_a_download(inspected) -> None:
    old = tar({"config.json": b"{", "model.safetensors": WEIGHTS})
    code, found = inspected(Memory({"old.tar": old, "new.tar": tar({"config.json": CONFIG}), "config.json": b"{"}))
    assert (code, found.facts.architecture) == (0, "LlamaForCausalLM")


def test_an_archive_of_which_no_parts_are_sent_is_left_to_the_pods(inspected) -> None:
    store = Memory({"model.tar": tar({"config.json": CONFIG, "model.safetensors": WEIGHTS})}, is_ranged=False)
    assert inspected(store)[1] == Findings(message="model.tar is an archive, and its server sends no parts")
    assert store.given == {}


def test_files_of_folders_within_are_no_part_of_a_folder(inspected) -> None:
    store = Memory({"config.json": CONFIG, "model.safetensors": WEIGHTS, "more/model.safetensors": WEIGHTS})
    assert inspected(store)[1].facts.weights[0].bytes == 2**20


@pytest.mark.parametrize(
    ("files", "code", "reason", "words"),
    [
        ({}, UNREADABLE, "ModelNotFound", "there are no files at model.uri"),
        ({"config.json": CONFIG}, UNREADABLE, "ModelNotFound", "no safetensors or GGUF file"),
        ({"config.json": CONFIG, "a.bin": b"PK"}, BAD_MODEL, "UnsafeWeights", "a.bin may hold code"),
        (MANY, UNREADABLE, "ModelNotFound", "name one in model.files.include: q4/a.gguf, q8/a.gguf"),
        ({"config.json": b"{", "a.safetensors": WEIGHTS}, BAD_MODEL, "ModelInvalid", "config.json"),
        ({"config.json": CONFIG, "a.safetensors": WEIGHTS[:90]}, BAD_MODEL, "ModelInvalid", "a.safetensors is cut"),
        ({"a.gguf": b"GGUF"}, BAD_MODEL, "ModelInvalid", "a.gguf: its head ends early"),
        ({"layer.tar": tar({"config.json": CONFIG}, "w:gz")}, UNREADABLE, None, "layer.tar is no plain tar file"),
        ({"layer.tar": tar({"config.json": CONFIG})[:1000]}, UNREADABLE, None, "layer.tar is no plain tar file"),
        ({"layer.tar": tar({"a.bin": b"PK"})}, BAD_MODEL, "UnsafeWeights", "a.bin may hold code"),
    ],
    ids=[
        "nothing",
        "no weights",
        "pickles",
        "which",
        "no JSON",
        "cut",
        "a short GGUF",
        "packed",
        "a cut archive",
        "packed pickles",
    ],
)
def test_each_obstacle_has_the_reason_that_pods_would_give(inspected, files, code: int, reason, words: str) -> None:
    found, report = inspected(Memory(files))
    assert (found, report.reason, report.facts) == (code, reason, None)
    assert words in report.message


@pytest.mark.parametrize("cuts", [3, 10**6], ids=["some", "every piece"])
def test_a_read_that_is_cut_goes_on_where_it_was(inspected, cuts: int) -> None:
    store = Memory({"config.json": CONFIG, "model.safetensors": WEIGHTS}, cuts=cuts, piece=2**14)
    assert inspected(store)[0] == 0
    assert store.given["model.safetensors"] == USUAL_HEADER_BYTES


def test_a_source_that_gives_nothing_is_asked_a_few_times(inspected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "PAUSE_SECONDS", 0)
    asked = []

    def stream(*wanted: object) -> Iterator[bytes]:
        asked.append(wanted)
        raise Interrupted("503")
        yield b""

    store = Memory({"a.gguf": gguf()})
    monkeypatch.setattr(store, "stream", stream)
    code, report = inspected(store)
    assert (code, report.reason, report.message) == (UNREADABLE, "ModelDownloadFailed", "a.gguf: 503")
    assert len(asked) == ATTEMPTS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceRefused(DownloadReason.ACCESS_DENIED, "no"), "ModelAccessDenied"),
        (ConnectionError("reset"), "ModelDownloadFailed"),
        (RuntimeError("odd"), "ModelDownloadFailed"),
    ],
    ids=str,
)
def test_whatever_a_client_raises_is_no_fault_of_the_model(inspected, monkeypatch, error, reason: str) -> None:
    store = Memory({})

    def listing() -> Listing:
        raise error

    monkeypatch.setattr(store, "listing", listing)
    code, report = inspected(store)
    assert (code, report.reason) == (UNREADABLE, reason)


def test_patterns_that_are_no_document_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["s3://b", "--files", "*.gguf"])
    assert ended.value.code == 2
    assert "--files" in capsys.readouterr().err
