"""Load by wrk: random reads over keep-alive connections, and what came of them."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local paths = {}
for line in io.lines("%(paths)s") do paths[#paths + 1] = line end
math.randomseed(os.time())
request = function() return wrk.format("GET", paths[math.random(#paths)], %(headers)s) end
done = function(summary, latency, requests)
  io.write(string.format('RESULT {"requests": %%d, "us": %%d, "errors": %%d, "p50_us": %%d, "p99_us": %%d}\\n',
    summary.requests, summary.duration, summary.errors.status + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """`seconds` of load; `errors` are answers that were not 2xx or 3xx, and broken connections."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def read_load(port: int, paths: list[str], headers: dict[str, str], *, connections: int, seconds: int) -> Load:
    """Drive the server at the port with GETs of random paths."""
    with tempfile.TemporaryDirectory() as folder:
        listing, script = Path(folder, "paths"), Path(folder, "load.lua")
        listing.write_text("\n".join(paths))
        lua_headers = "{" + ", ".join(f'["{k}"] = {json.dumps(v)}' for k, v in headers.items()) + "}"
        script.write_text(_SCRIPT % {"paths": listing, "headers": lua_headers})
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    found = re.search(r"RESULT (\{.*\})", out)
    assert found, out
    result = json.loads(found[1])
    return Load(
        result["requests"], result["us"] / 1e6, result["errors"], result["p50_us"] / 1000, result["p99_us"] / 1000
    )
