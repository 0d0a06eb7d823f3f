"""Invented people: patients of the region with NHS numbers from the test range, and those who refer and report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from adapters.emulated_trust.nhs_numbers import issue_nhs_number
from adapters.emulated_trust.trusts import TRUSTS, Trust
from hl7.emit import Address, Clinician

_FAMILIES = (
    "Ashbourne", "Bakewell", "Calverton", "Darley", "Edwalton", "Farnsfield", "Gedling", "Hucknall", "Ilkeston",
    "Keyworth", "Lambley", "Matlock", "Oadby", "Papplewick", "Quorn", "Ravenshead", "Sileby", "Thurcaston", "Upton",
    "Wollaton", "O'Rourke", "Okonkwo-Hale", "Żak", "Nguyễn", "Patelson", "Begum-Wray", "Kaurley", "Öztürk", "Mbeki",
)  # fmt: skip
_GIVEN = {
    "F": ("Amara", "Beryl", "Chloe", "Dilys", "Esme", "Farida", "Grace", "Hettie", "Ivy", "Jasmin", "Keira", "Zoë"),
    "M": ("Alfie", "Bertram", "Callum", "Desmond", "Edgar", "Faisal", "Gethin", "Harvey", "Idris", "Jarek", "René"),
}
_STREETS = ("Lime Grove", "Station Road", "Chapel Lane", "Forest Rise", "Canal Walk", "Mill Street", "Orchard Close")
_POSTCODES = {
    "RX1": "NG7", "RNQ": "NN16", "RFS": "S44", "RNS": "NN1", "RWE": "LE1", "RWD": "LN2", "RK5": "NG17", "RTG": "DE22",
}  # fmt: skip
_ETHNIC = "AAAAABCGHJLMNRSZ"

REPORTERS: tuple[Clinician, ...] = tuple(
    Clinician(f"99901{number:02d}", family, given, "Dr")
    for number, (family, given) in enumerate(
        (("Harcastle", "Miriam"), ("Adeyemi-Ross", "Tunde"), ("Lindqvist", "Sara"), ("Ferrers", "Owen"),
         ("Chaudhry", "Nadia"), ("Pemberton", "Alistair"), ("Moravec", "Petra"), ("Sandhu", "Gurdeep"),
         ("Tolland", "Rachel"), ("Vasquez-Bright", "Leon")), start=1)
)  # fmt: skip
CONSULTANTS: tuple[Clinician, ...] = tuple(
    Clinician(f"99902{number:02d}", family, given, title)
    for number, (family, given, title) in enumerate(
        (("Marlow", "Jo", "Dr"), ("Stainsby", "Kit", "Mr"), ("Obaseki", "Ruth", "Dr"), ("Winterton", "Claire", "Miss"),
         ("Rahimi", "Daoud", "Dr"), ("Gorsey", "Neil", "Mr")), start=1)
)  # fmt: skip
GENERAL_PRACTITIONERS: tuple[Clinician, ...] = tuple(
    Clinician(f"G99903{number:02d}", family, given, "Dr", "GMP")
    for number, (family, given) in enumerate(
        (("Birchwood", "Anna"), ("Kimani", "Peter"), ("Lovelock", "Hazel"), ("Szymanski", "Ewa")), start=1)
)  # fmt: skip
RADIOGRAPHERS: tuple[Clinician, ...] = tuple(
    Clinician(f"RA9904{number:02d}", family, given, "", "HCPC")
    for number, (family, given) in enumerate(
        (("Dunmore", "Paul"), ("Ekwueme", "Ngozi"), ("Fothergill", "Jane"), ("Hossain", "Rafi")), start=1)
)  # fmt: skip


@dataclass(frozen=True)
class RegionPerson:
    """A patient of the region. `number` is what every trust derives its own local number from."""

    number: int
    nhs_number: str
    family: str
    given: str
    title: str
    birth_date: date
    sex: str
    address: Address
    phone: str
    home: Trust
    gp: Clinician
    ethnic_category: str

    def mrn(self, trust: Trust) -> str:
        """The local number at this trust. RFS and RNS give the same numbers to different people, as trusts do."""
        shift = 0 if trust.ods != "RNS" else 3
        return trust.mrn.format(2000 + self.number + shift)


def make_person(seed: int, number: int) -> RegionPerson:
    """The person with this number, the same in every run of a seed."""
    random = Random(f"{seed}/person/{number}")
    sex = random.choice("FFM" if number % 2 else "FMM")
    home = TRUSTS[number % len(TRUSTS)]
    return RegionPerson(
        number=number,
        nhs_number=issue_nhs_number(seed % 100, number),
        family=random.choice(_FAMILIES),
        given=random.choice(_GIVEN[sex]),
        title={"F": "Ms", "M": "Mr"}[sex],
        birth_date=date(1935, 1, 1) + timedelta(days=random.randrange(70 * 365)),
        sex=sex,
        address=_address(random, home),
        phone=f"07700 900{random.randrange(1000):03d}",  # the range that Ofcom keeps for drama
        home=home,
        gp=random.choice(GENERAL_PRACTITIONERS),
        ethnic_category=random.choice(_ETHNIC),
    )


def _address(random: Random, home: Trust) -> Address:
    street = f"{random.randrange(1, 99)} {random.choice(_STREETS)}"
    return Address(street, "", home.town, "", f"{_POSTCODES[home.ods]} {random.randrange(1, 9)}ZZ")
