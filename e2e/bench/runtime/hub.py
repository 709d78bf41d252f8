"""A hub of one repository, as far as the hub's own client asks: facts, and files in parts."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "bench/model"


def application(folder: Path) -> web.Application:
    """Serves a folder; every file is read once, for its sha256."""
    known = {path.name: (path, _facts(path)) for path in folder.iterdir()}
    siblings = [{"rfilename": name, **facts} for name, (_, facts) in known.items()]
    info = json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings})

    async def tell(_: web.Request) -> web.Response:
        return web.json_response(text=info)

    async def tree(_: web.Request) -> web.Response:
        return web.json_response([{"type": "file", "path": name, **facts} for name, (_, facts) in known.items()])

    async def send(request: web.Request) -> web.StreamResponse:
        path, facts = known[request.match_info["name"]]
        digest, size = facts["lfs"]["sha256"], str(facts["size"])
        headers = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": size}
        return web.Response(headers=headers) if request.method == "HEAD" else web.FileResponse(path, headers=headers)

    app = web.Application()
    app.router.add_get(f"/api/models/{REPOSITORY}", tell)
    app.router.add_get(f"/api/models/{REPOSITORY}/revision/{{revision}}", tell)
    app.router.add_get(f"/api/models/{REPOSITORY}/tree/{{revision}}", tree)
    app.router.add_get(f"/{REPOSITORY}/resolve/{{revision}}/{{name}}", send)
    return app


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    lfs = {"oid": sha256, "sha256": sha256, "size": size, "pointerSize": 134}
    return {"size": size, "oid": sha256[:40], "blobId": sha256[:40], "lfs": lfs}


def main() -> None:
    """Serve a folder on a port until the end."""
    app = application(Path(sys.argv[1]))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=None, loop=asyncio.new_event_loop())


if __name__ == "__main__":
    main()
