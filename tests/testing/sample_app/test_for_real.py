"""The service once for real: uvicorn, HTTP, a review queue on the disk."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import digit_service as service
import httpx
import pytest

from guardrails import ReviewQueue

SCAN = service.request_of(service.TODAY[0])


@contextlib.contextmanager
def served(folder):
    """The service under uvicorn, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "digit_service:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(service.__file__).parent)}
    server = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        yield _ready(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(10)


def _ready(url, server):
    for _ in range(1200):
        assert server.poll() is None, "the server has ended"
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/openapi.json").raise_for_status()
            return url
        time.sleep(0.05)  # a server needs its time to start
    pytest.fail("the server has not started within a minute")


def test_the_service_for_real(tmp_path):
    """Uvicorn, httpx, three outcomes; the review item is in the file when the client has its answer."""
    with served(tmp_path) as url, httpx.Client(base_url=url) as client:
        assert client.post("/digits", json=SCAN).json()["caveats"] == []
        assert client.post("/digits/remote", json=SCAN).json()["caveats"] == []
        assert client.post("/digits", json={**SCAN, "ink_0": 16.0}).json()["by"] == "ink"
        broken = client.post("/digits", json={**SCAN, "ink_7": 99.0})
    assert (broken.status_code, broken.json()["caveats"]) == (202, ["contract", "contract"])

    queue = ReviewQueue(tmp_path / "reviews.db")
    assert queue.read(broken.json()["decision"]).status == "open"
    queue.close()
