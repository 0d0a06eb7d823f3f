"""The metrics text sums all processes that share the directory, and carries names from closed lists only."""

from __future__ import annotations

import os
import subprocess
import sys

from fhir_server import metrics

OBSERVE = "from fhir_server import metrics; metrics.observe_request('read', 200, 0.01); metrics.set_spool_bytes(7)"
RENDER = "from fhir_server import metrics; print(metrics.render().decode())"


def test_processes_add_up(tmp_path):
    metrics.clean(tmp_path / "m")
    environment = {**os.environ, metrics.DIRECTORY_VARIABLE: str(tmp_path / "m")}
    for script in (OBSERVE, OBSERVE):
        subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    text = subprocess.run(
        [sys.executable, "-c", RENDER], env=environment, check=True, capture_output=True
    ).stdout.decode()
    assert 'imaging_record_http_requests_total{route="read",status="200"} 2.0' in text
    assert "imaging_record_disclosure_spool_bytes 7.0" in text


def test_cleaning_forgets_the_last_run(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "counter_1.db").write_bytes(b"old")
    metrics.clean(tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []
