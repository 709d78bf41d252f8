"""Pictures in requests, on real vLLM with a model that sees: each comes with its request, or from the host named.

Where a node's own pages would be stands a real server on loopback, which counts who asks.
"""

import json

import pytest

from e2e.engine import tiny_vision_model
from tests.engine.conftest import READY_SECONDS
from tests.engine.pictures import DOT, ask, host, looking

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
NAMED = "localhost"
"""Refused with the resource; to the engine a host like any other, and here the only one that leads to the server."""
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
    "http://metadata.google.internal/",
    "http://127.0.0.1:{port}/dot.png",
    "HTTP://127.0.0.1:{port}/dot.png",
    "http://2130706433:{port}/dot.png",
    "http://0x7f.1:{port}/dot.png",
    "http://0177.0.0.1:{port}/dot.png",
    "http://127.1:{port}/dot.png",
    "http://0:{port}/dot.png",
    "http://[::1]:{port}/dot.png",
    "http://[::ffff:127.0.0.1]:{port}/dot.png",
    "http://[fe80::1%25lo]:{port}/dot.png",
    "http://user:word@127.0.0.1:{port}/dot.png",
    "http://localhost@127.0.0.1:{port}/dot.png",
    "http://localhost\\@127.0.0.1:{port}/dot.png",
    "http://127.0.0.1:{port}\\@localhost/dot.png",
    "http://127.0.0.1:{port}#@localhost/dot.png",
    "http://127%2e0%2e0%2e1:{port}/dot.png",
    "http://localhost.:{port}/dot.png",
    "http:127.0.0.1:{port}/dot.png",
    "http:///127.0.0.1:{port}/dot.png",
    "//127.0.0.1:{port}/dot.png",
    " http://127.0.0.1:{port}/dot.png ",
    "https://127.0.0.1:{port}/dot.png",
    "ftp://127.0.0.1:{port}/dot.png",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "/etc/passwd",
]


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    return tiny_vision_model(tmp_path_factory.mktemp("seeing"))


@pytest.fixture
def other():
    with host() as found:
        yield found


@pytest.fixture(scope="module")
def pod(launch_real, seeing, tmp_path_factory):
    """One that generates, and names no host."""
    yield from ready(launch_real(tmp_path_factory.mktemp("pod"), model=str(seeing)))


@pytest.fixture(scope="module")
def asking(launch_real, seeing, tmp_path_factory):
    """One that embeds, and names a host."""
    args = [{"name": "allowed-media-domains", "value": NAMED}]
    yield from ready(launch_real(tmp_path_factory.mktemp("asking"), model=str(seeing), task="Embed", args=args))


def ready(pod):
    try:
        pod.until_ready(READY_SECONDS)
        yield pod
    finally:
        pod.destroy()


def messages(source):
    """The request of another API with one picture."""
    content = [{"type": "image", "source": source}, {"type": "text", "text": "hello"}]
    return {"model": "tiny", "max_tokens": 2, "messages": [{"role": "user", "content": content}]}


def response(address):
    content = [{"type": "input_image", "image_url": address}, {"type": "input_text", "text": "hello"}]
    return {"model": "tiny", "max_output_tokens": 2, "input": [{"role": "user", "content": content}]}


def answered(pod, asked):
    """Of pairs of route and request those that the pod answered, with what it said."""
    told = [(path, document, *ask(pod, path, document)) for path, document in asked]
    return [each for each in told if each[2] < 400]


def test_a_picture_that_comes_with_its_request_is_seen_on_every_route(pod):
    tokens = [
        json.loads(ask(pod, CHAT, {**looking(part), "max_tokens": 2})[1])["usage"]["prompt_tokens"]
        for part in (DOT, {"type": "text", "text": "hello"})
    ]
    assert tokens[0] > tokens[1]
    assert ask(pod, "/v1/responses", response(DOT))[0] == 200
    source = {"type": "base64", "media_type": "image/png", "data": DOT.partition(",")[2]}
    assert ask(pod, "/v1/messages", messages(source))[0] == 200


@pytest.mark.proves("R74")
def test_no_address_in_a_request_makes_the_engine_ask_anybody(pod, other):
    addresses = [each.format(port=other.port) for each in (*ELSEWHERE, f"http://{NAMED}:{{port}}/dot.png")]
    assert answered(pod, [(CHAT, looking(each)) for each in addresses]) == []
    assert other.asked == []
    status, text = ask(pod, CHAT, looking(addresses[0]))
    assert (status, "engine.args allowed-media-domains is not set" in text) == (400, True)


@pytest.mark.proves("R74")
def test_neither_does_one_in_another_part_or_on_another_route(pod, other):
    address = f"http://127.0.0.1:{other.port}/dot.png"
    simple = ("image_url", "audio_url", "video_url", "image_pil", "image_embeds", "audio_embeds", "video_embeds")
    parts = [{"type": name, name: address} for name in simple]
    parts += [{"type": name, name: {"url": address}} for name in simple]
    parts += [{"uuid": "seen", name: address} for name in simple]
    parts += [{"type": "input_image", "image_url": address, "detail": "auto"}]
    parts += [{"type": "input_audio", "input_audio": {"data": address, "format": "wav"}}]
    parts += [{"type": "file", "file": {"file_data": address}}, {"type": "prompt_embeds", "data": address}]
    asked = [(CHAT, looking(part)) for part in parts]
    asked += [(CHAT, {**looking(DOT), name: {"images": [address], "url": address}})
              for name in ("mm_processor_kwargs", "media_io_kwargs")]  # fmt: skip
    asked += [("/v1/responses", response(address)), ("/v1/messages", messages({"type": "url", "url": address}))]
    assert answered(pod, asked) == []
    assert other.asked == []


@pytest.mark.proves("R74")
def test_the_host_that_is_named_is_asked_and_leads_nowhere_else(asking, other):
    named = f"http://{NAMED}:{other.port}"
    assert ask(asking, EMBEDDINGS, looking(DOT))[0] == 200
    assert ask(asking, EMBEDDINGS, looking(f"{named}/dot.png"))[0] == 200
    assert other.asked == ["/dot.png"]
    elsewhere = [each.format(port=other.port) for each in ELSEWHERE]
    assert answered(asking, [(EMBEDDINGS, looking(each)) for each in (f"{named}/away", *elsewhere)]) == []
    # All that comes is for the host that was named, whatever stands around its name.
    assert other.asked[1:] == ["/away"]
