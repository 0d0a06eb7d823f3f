"""The emulated region telling its story to a served record, by real MLLP, DICOM and DICOMweb."""

from __future__ import annotations

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adapters.emulated_trust.mllp_client import MllpClient
from adapters.emulated_trust.run import RunningRegion, start_region
from tests.journeys import region
from tests.journeys.fhir_client import FhirClient
from tests.journeys.served import AET, ServedRecord

PATIENTS = 9


class Telling:
    """One record, and the region's systems that talk to it. With another's diary they tell the other's story."""

    def __init__(self, folder: Path, database: str, diary: Path | None = None) -> None:
        folder.mkdir()
        self.record = ServedRecord(folder, database, harvest_interval_s=2, probe_interval_s=2)
        own_diary = shutil.copy(diary, folder / "diary") if diary else folder / "diary"
        mllp, dicom = ("127.0.0.1", self.record.mllp_port), ("127.0.0.1", self.record.dicom_port, AET)
        self.running: RunningRegion = start_region(mllp, dicom, PATIENTS, diary_path=Path(own_diary))

    def start(self) -> Telling:
        """Serve the record and make it know the region; nothing is told yet."""
        self.record.start(web_workers=1)
        self._register()
        self.client = FhirClient.register(self.record)
        return self

    def __enter__(self) -> Telling:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.stop()
        self.record.stop()

    def _register(self) -> None:
        for trust in self.running.endpoints:
            self.record.command("trust", "add", trust.ods, trust.name)
            self.record.command("feed", "add", f"{trust.ods} RIS", "--trust", trust.ods, "--msh-4", trust.ods)
            kind = "dicom-wado-rs" if trust.dicomweb_url else "dimse"
            address = trust.dicomweb_url or f"{trust.dimse_host}:{trust.dimse_port}"
            region.add_archive(self.record, trust.ods, kind, address)

    def tell_in_order(self) -> None:
        self.running.load_history()

    def tell_shuffled(self, seed: int) -> None:
        """Every trust's messages in a random order, a third of them twice, and the pushed studies in between."""
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(self._tell_trust, ods, seed) for ods in self.running.systems]:
                done.result()

    def _tell_trust(self, ods: str, seed: int) -> None:
        chosen, system = random.Random(f"{seed}/{ods}"), self.running.systems[ods]
        payloads = [message.payload for message in self.running.region.messages(system.trust)]
        payloads += chosen.sample(payloads, len(payloads) // 3)
        chosen.shuffle(payloads)
        if system.trust.archive == "dimse":
            for plan in self.running.region.studies(system.trust):
                system.pacs.push(plan.study_instance_uid, system.region)
        client = MllpClient("127.0.0.1", self.record.mllp_port)
        assert {client.send(payload) for payload in payloads} <= {"AA", "CA"}
        client.close()

    def tell_about(self, nhs_number: str) -> None:
        """Only what is said of one person."""
        for system in self.running.systems.values():
            for message in self.running.region.messages(system.trust):
                if nhs_number.encode() in message.payload:
                    system.send(message)
