"""The demo region as a process of its own: says where everything is, tells the story, obeys its standard input."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from adapters.emulated_trust.run import RunningRegion, describe, start_region

_COMMANDS = ("start", "stop", "freeze", "thaw")


def main(arguments: list[str] | None = None) -> None:
    options = _parse(arguments)
    host, port, aet = options.dicom.split(":")
    dicom = (host, int(port), aet)
    running = start_region(
        _address(options.mllp), dicom, options.patients, options.port_base, options.seed, options.diary
    )
    done, begin = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    _say(describe(running))
    if options.control:
        threading.Thread(target=_obey, args=(running, begin, done), daemon=True).start()
    if not options.hold:
        begin.set()
    threading.Thread(target=_tell, args=(running, options.rate, begin), daemon=True).start()
    done.wait()
    running.stop()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="emulated_trust", description=__doc__)
    parser.add_argument("--mllp", required=True, help="the region's MLLP door, HOST:PORT")
    parser.add_argument("--dicom", required=True, help="the region's DICOM door, HOST:PORT:AET")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port-base", type=int, default=0, help="first of sixteen PACS ports; 0 takes free ones")
    parser.add_argument("--diary", type=Path, help="file that lets a region started again go on where it was")
    parser.add_argument("--rate", type=float, default=6.0, help="new exams per minute; 0 for none")
    parser.add_argument("--hold", action="store_true", help="send nothing before `begin` comes on standard input")
    parser.add_argument("--control", action="store_true", help="obey standard input and end with it")
    options = parser.parse_args(arguments)
    if options.hold and not options.control:
        parser.error("--hold needs --control")
    return options


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _tell(running: RunningRegion, rate: float, begin: threading.Event) -> None:
    begin.wait()
    sent = running.load_history()
    _say({"history": sent})
    if rate > 0:
        running.start_live(rate)


def _obey(running: RunningRegion, begin: threading.Event, done: threading.Event) -> None:
    """One command a line; the end of the input is the end of the region, so it never outlives who started it."""
    for line in sys.stdin:
        verb, _, ods = line.strip().partition(" ")
        if verb == "begin":
            begin.set()
        elif verb in _COMMANDS and ods in running.systems:
            getattr(running.systems[ods].pacs, verb)()
            _say({"done": line.strip()})
        else:
            _say({"unknown": line.strip()[:80]})
    done.set()


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
