"""A stand-in for vLLM: the same command line, routes, middleware and signals; no model.

Variables make it misbehave: FAKE_START (seconds before it listens), FAKE_USAGE_ERROR, FAKE_CRASH (seconds
until it dies with a traceback), FAKE_DEAF (ignores SIGTERM), FAKE_ORPHAN (leaves a grandchild),
FAKE_FIRST_FAILURES (requests answered 500), FAKE_STEP (seconds per token), FAKE_DEAD (seconds until the server
says that its engine is dead), FAKE_LACKS (a route that its model has not).
"""

import asyncio
import importlib
import json
import os
import signal
import sys
import time

from aiohttp import web


def setting(name, default=0.0):
    return float(os.environ.get(f"FAKE_{name}", default))


BEGAN = time.monotonic()
failures = int(setting("FIRST_FAILURES"))
adapters = {}
"""Paths by name."""


async def respond(send, status, body, kind=b"application/json"):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


async def complete(receive, send):
    global failures  # noqa: PLW0603 because the process is the engine
    request = json.loads((await receive())["body"])
    if failures > 0:
        failures -= 1
        await respond(send, 500, b'{"error": "warming"}')
        return
    if request["model"] not in {"tiny", *adapters}:
        await respond(send, 404, b'{"error": "no such model"}')
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    if request["model"] in adapters:
        await send({"type": "http.response.body", "body": f"data: {request['model']}\n\n".encode(), "more_body": True})
    for token in range(request["max_tokens"]):
        await send({"type": "http.response.body", "body": f"data: {token}\n\n".encode(), "more_body": True})
        await asyncio.sleep(setting("STEP", 0.01))
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def change_adapters(path, request, send):
    name = request["lora_name"]
    if path == "/v1/unload_lora_adapter":
        await respond(send, 200 if adapters.pop(name, None) else 404, b"{}")
    elif name in adapters:
        await respond(send, 400, b'{"error": "has already been loaded"}')
    else:
        adapters[name] = request["lora_path"]
        await respond(send, 200, b"Success")


async def engine(scope, receive, send):
    if scope["path"] == os.environ.get("FAKE_LACKS"):
        await respond(send, 404, b'{"detail":"Not Found"}')
    elif scope["path"] == "/v1/completions":
        await complete(receive, send)
    elif scope["path"] == "/v1/models":
        cards = [{"id": name, "root": path, "parent": "tiny"} for name, path in adapters.items()]
        await respond(send, 200, json.dumps({"data": [{"id": "tiny", "max_model_len": 8192}, *cards]}).encode())
    elif scope["path"].endswith("_lora_adapter"):
        await change_adapters(scope["path"], json.loads((await receive())["body"]), send)
    elif scope["path"] == "/metrics":
        page = b'vllm:num_requests_running 1\nvllm:cache_config_info{block_size="128",num_gpu_blocks="10"} 1\n'
        await respond(send, 200, page, b"text/plain")
    elif scope["path"] == "/health":
        dead = setting("DEAD")
        await respond(send, 503 if dead and time.monotonic() - BEGAN > dead else 200, b"")
    else:
        await respond(send, 200, b"")


def bridge(app):
    """Serve an ASGI app with aiohttp."""

    async def handle(request):
        body = await request.read()
        peer = request.transport.get_extra_info("peername")[:2]
        answer = None

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            nonlocal answer
            if message["type"] == "http.response.start":
                answer = web.StreamResponse(status=message["status"])
                for name, value in message["headers"]:
                    answer.headers[name.decode()] = value.decode()
                if answer.headers.get("connection") == "close":
                    answer.force_close()
                answer.headers.popall("content-length", None)
                await answer.prepare(request)
            else:
                await answer.write(message.get("body", b""))

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.path,
            "client": peer,
            "headers": [(name.lower(), value) for name, value in request.raw_headers],
        }
        await app(scope, receive, send)
        return answer

    return handle


async def main(options):
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, (lambda: None) if setting("DEAF") else over.set)
    if setting("ORPHAN"):
        await (await asyncio.create_subprocess_shell("sleep 0.3 & exit 0")).wait()
    if setting("CRASH"):
        loop.call_later(setting("CRASH"), crash)
    await asyncio.sleep(setting("START", 0.05))
    module, _, name = options["middleware"].rpartition(".")
    app = getattr(importlib.import_module(module), name)(engine)
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", bridge(app))
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=int(options["port"])).start()
    sys.stdout.write("fake engine listens\n")
    sys.stdout.flush()
    await over.wait()
    os._exit(0)


def crash():
    sys.stdout.write("ValueError: the fake engine was told to crash\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    if setting("USAGE_ERROR"):
        sys.stderr.write("api_server.py: error: argument --seed: invalid int value: 'x'\n")
        sys.exit(2)
    pairs = (argument[2:].partition("=") for argument in sys.argv[1:] if argument.startswith("--"))
    asyncio.run(main({name: value for name, _, value in pairs}))
