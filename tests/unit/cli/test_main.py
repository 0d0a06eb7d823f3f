"""Commands are found as files, and help imports none of them."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from fhir_server.cli import main, serve
from fhir_server.settings import Settings


def test_help_lists_commands_and_hides_internal_ones():
    result = CliRunner().invoke(main.group, ["--help"])
    listed = {line.split()[0] for line in result.output.partition("Commands:")[2].splitlines() if line[2:3].strip()}
    assert "serve" in listed
    assert not {"child", "options", "main"} & listed


def test_help_imports_no_command():
    script = (
        "import sys; from click.testing import CliRunner; from fhir_server.cli import main;"
        "CliRunner().invoke(main.group, ['--help']); print('fhir_server.cli.serve' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.strip() == b"False"


def test_unknown_command_is_refused():
    result = CliRunner().invoke(main.group, ["sevre"])
    assert result.exit_code == 2
    assert "No such command" in result.output


def test_wrong_setting_is_one_plain_line():
    done = subprocess.run(
        [sys.executable, "-m", "fhir_server.cli.main", "serve", "--http", "8080"], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode().strip() == "imaging-record: IMAGING_RECORD_HTTP: expected HOST:PORT or off"


def test_part_that_is_off_has_no_process():
    everything = [spec.name for spec in serve.children(Settings(web_workers=2))]
    assert everything == ["web-1", "web-2", "feeds", "jobs", "dicom"]
    assert [spec.name for spec in serve.children(Settings(http="off", mllp="off", dicom="off"))] == ["jobs"]
