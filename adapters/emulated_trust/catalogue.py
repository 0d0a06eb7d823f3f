"""The exams that the region's trusts perform: code, picture, and what people write on request and report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Narrative:
    """Findings, one line each, and the conclusion."""

    findings: tuple[str, ...]
    conclusion: tuple[str, ...]


@dataclass(frozen=True)
class CatalogueExam:
    """One kind of exam; `weight` is how often it is asked for, relative to the others."""

    code: str
    name: str
    kind: str
    modality: str
    weight: int
    indications: tuple[str, ...]
    plain: Narrative
    finding: Narrative
    laterality: str = ""


_CHEST_PLAIN = Narrative(
    ("The heart is not enlarged.", "The lungs and pleural spaces are clear.", "No bony abnormality is seen."),
    ("Normal chest radiograph.",),
)
_CHEST_FINDING = Narrative(
    ("There is a patch of consolidation in the right lower zone.", "The left lung is clear. Heart not enlarged."),
    ("Right lower zone consolidation, in keeping with infection.", "Suggest a repeat film in six weeks."),
)
_KNEE_PLAIN = Narrative(
    ("The joint space is preserved in both compartments.", "No fracture and no effusion."), ("No bony injury.",)
)
_KNEE_FINDING = Narrative(
    ("There is loss of joint space.", "Marginal osteophytes. No fracture."), ("Moderate osteoarthritis.",)
)
_KNEE_REASONS = ("Fall onto the knee, tender joint line. Fracture?", "Pain on walking for a year. Degenerative change?")
_LUMBAR_FINDING = Narrative(
    ("The L4/5 disc has lost height and bulges backwards.", "It narrows the lateral recess.", "", "Conus normal."),
    ("L4/5 disc bulge touching the traversing nerve roots.",),
)
_HEAD_CT_FINDING = Narrative(
    (
        "There is a rounded high-density lesion in the left parietal lobe with surrounding oedema.",
        "The ventricles are not compressed. No midline shift.",
        "",
        "The basal cisterns are preserved.",
    ),
    ("Left parietal haemorrhage with surrounding oedema.", "Discussed with the referring team by telephone."),
)

CATALOGUE: tuple[CatalogueExam, ...] = (
    CatalogueExam(
        "XCHES", "XR Chest", "dx-chest", "DX", 30,
        ("Cough and fever for one week. Infection?", "Breathless on exertion. Heart failure?", "Pre-operative film."),
        _CHEST_PLAIN, _CHEST_FINDING,
    ),
    CatalogueExam("XKNEL", "XR Knee Lt", "dx-knee", "DX", 7, _KNEE_REASONS, _KNEE_PLAIN, _KNEE_FINDING, "L"),
    CatalogueExam("XKNER", "XR Knee Rt", "dx-knee", "DX", 7, _KNEE_REASONS, _KNEE_PLAIN, _KNEE_FINDING, "R"),
    CatalogueExam(
        "CHEAD", "CT Head", "ct-head", "CT", 14,
        ("Sudden severe headache. Bleed?", "Fall with head injury on anticoagulants. Intracranial injury?"),
        Narrative(
            ("No intracranial haemorrhage.", "Grey and white matter are distinct.", "", "Normal ventricles."),
            ("No acute intracranial abnormality.",),
        ),
        _HEAD_CT_FINDING,
    ),
    CatalogueExam(
        "CCHES", "CT Thorax", "ct-chest", "CT", 10,
        ("Weight loss and haemoptysis. Malignancy?", "Nodule on chest radiograph, further characterisation."),
        Narrative(
            ("The lungs are clear.", "No enlarged lymph nodes.", "The heart and aorta are normal."),
            ("No evidence of malignancy in the thorax.",),
        ),
        Narrative(
            ("There is a 22 mm solid nodule in the right upper lobe.", "No enlarged lymph nodes.", "", "No effusion."),
            ("Right upper lobe nodule, suspicious of a primary tumour.", "Referral to the lung team is advised."),
        ),
    ),
    CatalogueExam(
        "MHEAD", "MRI Head", "mr-head", "MR", 9,
        ("New seizures. Structural cause?", "Known lesion, follow-up."),
        Narrative(
            ("Normal signal of the brain on all sequences.", "The ventricles and sulci are normal for age."),
            ("Normal MRI of the brain.",),
        ),
        Narrative(
            ("There is a left parietal lesion, bright on T2 and FLAIR, with oedema.", "", "No second lesion."),
            ("Solitary left parietal lesion.", "Discussion at the neuro-oncology meeting is advised."),
        ),
    ),
    CatalogueExam(
        "MSPLU", "MRI Spine lumbar", "mr-lumbar-spine", "MR", 8,
        ("Back pain with left sciatica for three months.", "Leg weakness. Nerve root compression?"),
        Narrative(
            ("Vertebral height and alignment are preserved.", "The discs are of normal height.", "Conus normal."),
            ("No disc protrusion and no nerve root compression.",),
        ),
        _LUMBAR_FINDING,
    ),
    CatalogueExam(
        "UABDO", "US Abdomen", "us-abdomen", "US", 12,
        ("Right upper quadrant pain. Gallstones?", "Raised liver enzymes."),
        Narrative(
            ("The liver is of normal size and echotexture.", "The gallbladder is thin-walled and empty of stones."),
            ("Normal ultrasound of the abdomen.",),
        ),
        Narrative(
            ("There is a stone in the gallbladder that casts a shadow.", "The gallbladder wall is not thickened."),
            ("Gallstone without signs of cholecystitis.",),
        ),
    ),
    CatalogueExam(
        "UKIDB", "US Kidney Both", "us-abdomen", "US", 5,
        ("Recurrent urinary infection. Stones or obstruction?",),
        Narrative(("Both kidneys are of normal size.", "No hydronephrosis and no stone."), ("Normal kidneys.",)),
        Narrative(
            ("There is a 7 mm stone in the right kidney.", "No hydronephrosis."),
            ("Right renal stone, not obstructing.",),
        ),
    ),
)  # fmt: skip

BY_CODE: dict[str, CatalogueExam] = {exam.code: exam for exam in CATALOGUE}
