"""body.py, by way of the guard: what a request may hold."""

import json

import pytest

from llmfleet_runtime.guard import Guard
from llmfleet_runtime.surface import MODELS_PATH, SERVED
from tests.unit.runtime.asgi import App, ask

ADDRESS = "http://169.254.169.254/"


def chat(part):
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": [part]}]})


@pytest.fixture
def app():
    return App()


async def asked(app, body, path="/v1/chat/completions"):
    body = body.encode() if isinstance(body, str) else body
    return await ask(Guard(app), path, method="POST", body=body)


@pytest.mark.proves("R74")
@pytest.mark.parametrize(
    "body",
    [
        chat({"type": "image_pil", "image_pil": ADDRESS}),
        chat({"uuid": "x", "image_pil": ADDRESS}),
        chat({"image_pil": [ADDRESS]}),
        chat({"image_pil": "/etc/passwd"}),
        chat({"image_pil": ADDRESS}).replace("image_pil", r"image\u005fpil"),
        chat({"image_pil": ADDRESS}).replace("image_pil", r"\u0069mage_pil"),
        chat({"image_pil": ADDRESS}).encode("utf-16"),
        chat({"image_pil": ADDRESS}).encode("utf-32-le"),
        chat({"image_pil": ADDRESS}).replace("}]", ', "image_pil": null}]'),
        chat({"image_pil": "x"}).replace('"x"', "[" * 5000 + "]" * 5000),
    ],
)
async def test_a_picture_that_the_engine_would_fetch_by_a_programs_way_is_refused(app, body):
    answer = await asked(app, body)
    assert (answer.status, app.paths) == (400, [])
    assert "give a picture as image_url, with a data: address" in answer.body.decode()


@pytest.mark.parametrize("path", sorted(SERVED - {MODELS_PATH}))
async def test_it_is_refused_on_every_route_that_takes_a_body(app, path):
    assert (await asked(app, chat({"image_pil": ADDRESS}), path)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        chat({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}),
        chat({"type": "text", "text": "what is image_pil?"}),
        chat({"type": "text", "text": "\u00fcber"}),
        chat({"uuid": "x", "image_pil": None}),
        json.dumps({"tools": [{"function": {"parameters": {"properties": {"image_pil": {"type": "string"}}}}}]}),
        '{"image_pil": "cut',
        b"\0",
        "",
    ],
)
async def test_everything_else_reaches_the_engine(app, body):
    assert (await asked(app, body)).status == 200
