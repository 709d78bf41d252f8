"""Runs in a pod, on the standard library alone: asks HOST for the paths on its input; prints {"GET /path": 404}."""

import http.client
import json
import sys

PORT = 8000
BODY = json.dumps({"lora_name": "x", "lora_path": "/etc", "name": "x", "src": "/etc"})

found = {}
for path in json.load(sys.stdin):
    for method in ("GET", "POST", "DELETE"):
        connection = http.client.HTTPConnection(sys.argv[1], PORT, timeout=20)
        connection.request(method, path, BODY, {"Content-Type": "application/json"})
        found[f"{method} {path}"] = connection.getresponse().status
        connection.close()
json.dump(found, sys.stdout)
