"""Bringing studies of a DIMSE-only archive into the image store: one transfer per study, few at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fhir_server.errors import RecordError

logger = logging.getLogger(__name__)


class Staging:
    """Transfers under way to one archive. `transfer` fetches one study and raises RecordError when it did not."""

    def __init__(self, transfer: Callable[[str], int], *, transfers_max: int = 2) -> None:
        self._transfer = transfer
        self._slots = threading.Semaphore(transfers_max)
        self._turn = threading.Lock()
        self._under_way: dict[str, threading.Event] = {}
        self._failed: dict[str, RecordError] = {}

    def start(self, study_uid: str) -> threading.Event:
        """Begin the transfer unless it is under way; the event is set when it has ended, well or not."""
        with self._turn:
            ended = self._under_way.get(study_uid)
            if ended is None:
                ended = self._under_way[study_uid] = threading.Event()
                threading.Thread(target=self._run, args=(study_uid, ended), daemon=True, name="stage").start()
            return ended

    def failure(self, study_uid: str) -> RecordError | None:
        """How the last transfer of the study failed; asked once, then forgotten, so that the next try is a new one."""
        with self._turn:
            return self._failed.pop(study_uid, None)

    def _run(self, study_uid: str, ended: threading.Event) -> None:
        try:
            with self._slots:
                self._transfer(study_uid)
        except RecordError as error:
            logger.warning("a transfer failed", extra={"problem": str(error)})
            with self._turn:
                self._failed[study_uid] = error
        finally:
            with self._turn:
                self._under_way.pop(study_uid, None)
            ended.set()
