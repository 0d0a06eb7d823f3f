"""The eight trusts of the demo region: codes, sites, and how each one's RIS and PACS behave."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.emulated_trust.study import Place


@dataclass(frozen=True)
class Site:
    """A place of imaging by its ODS site code."""

    code: str
    name: str


@dataclass(frozen=True)
class Trust:
    """One trust. `order_style` is the message its RIS sends orders with; `mrn` and `accession` are formats of a number.

    `archive` says how its PACS gives images away: "dicomweb", "dimse" (C-STORE to the region, C-MOVE; no DICOMweb) or
    "down" (a DICOMweb PACS that goes out of order soon after the story is told).
    """

    ods: str
    name: str
    town: str
    sites: tuple[Site, ...]
    ris: str
    version: str
    order_style: str
    mrn: str
    accession: str
    archive: str = "dicomweb"

    @property
    def aet(self) -> str:
        return f"{self.ods}PACS"

    def place(self, site: Site) -> Place:
        return Place(self.ods, self.name, site.code, site.name)


TRUSTS: tuple[Trust, ...] = (
    Trust(
        "RX1", "Nottingham University Hospitals", "Nottingham",
        (Site("RX1RA", "Queen's Medical Centre"), Site("RX1LK", "City Campus")),
        "CRIS", "2.4", "OMG^O19", "K{:07d}", "RX1{:09d}",
    ),
    Trust(
        "RNQ", "Kettering General Hospital", "Kettering", (Site("RNQ51", "Kettering General"),),
        "SOLIRIS", "2.3.1", "ORM^O01", "KG{:06d}", "{:08d}", archive="down",
    ),
    Trust(
        "RFS", "Chesterfield Royal Hospital", "Chesterfield", (Site("RFSDA", "Chesterfield Royal"),),
        "HSSRIS", "2.3.1", "ORM^O01", "1{:05d}", "CRH{:07d}", archive="dimse",
    ),
    Trust(
        "RNS", "Northampton General Hospital", "Northampton", (Site("RNS01", "Northampton General"),),
        "CRIS", "2.4", "OMG^O19", "1{:05d}", "RNS{:09d}",
    ),
    Trust(
        "RWE", "University Hospitals of Leicester", "Leicester", (Site("RWEAA", "Leicester Royal Infirmary"),),
        "CARERIS", "2.5.1", "OMI^O23", "S{:07d}", "{:016d}",
    ),
    Trust(
        "RWD", "United Lincolnshire Teaching Hospitals", "Lincoln",
        (Site("RWDDA", "Lincoln County"), Site("RWDLA", "Pilgrim Boston"), Site("RWDLP", "Grantham")),
        "CRIS", "2.4", "OMG^O19", "ULH{:06d}", "RWD{:09d}",
    ),
    Trust(
        "RK5", "Sherwood Forest Hospitals", "Mansfield", (Site("RK5BC", "King's Mill"), Site("RK5HP", "Newark")),
        "MEDIRIS", "2.4", "ORM^O01", "SF{:06d}", "SFH{:08d}",
    ),
    Trust(
        "RTG", "University Hospitals of Derby and Burton", "Derby",
        (Site("RTGFG", "Royal Derby"), Site("RTG02", "Queen's Burton")),
        "UNIRIS", "2.5.1", "OMI^O23", "D{:07d}", "UHDB{:010d}",
    ),
)  # fmt: skip

BY_ODS: dict[str, Trust] = {trust.ods: trust for trust in TRUSTS}
