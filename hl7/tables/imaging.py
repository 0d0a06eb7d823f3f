"""DICOM modalities against the diagnostic service sections of OBR-24 (table 0074 and HL7 UK A.3).

DICOM PS3.3 C.7.3.1.1.1 (https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.3.html).
"""

MODALITIES = frozenset(
    {
        "CR", "DX", "CT", "MR", "US", "XA", "RF", "MG", "NM", "PT", "PX", "IO", "BMD", "OP", "OPT", "IVUS", "ES", "SM",
        "XC", "KO", "SR", "PR", "OT", "SC", "RG", "RTIMAGE", "ECG", "AU", "DOC", "OCT", "GM", "BDUS", "TG",
    }
)  # fmt: skip

# Table 0074 sections of imaging that name one modality. RAD, RX and XRC do not.
MODALITY_OF_SECTION = {
    "CT": "CT",
    "CTH": "CT",
    "NMR": "MR",
    "MRI": "MR",
    "NMS": "NM",
    "RUS": "US",
    "OUS": "US",
    "VUS": "US",
    "CUS": "US",
    "US": "US",
}
# Codes that are both: PT is physiotherapy in table 0074 and positron emission tomography in DICOM.
AMBIGUOUS_SECTIONS = frozenset({"PT", "SR", "OT"})

IMAGING_SECTIONS = frozenset(
    {"RAD", "CT", "NMR", "NMS", "RUS", "OUS", "VUS", "CUS", "CTH", "RX", "XRC", "RT", "EC", "EN", "MRI", "US", "BLS"}
)
SECTION_DISPLAYS = {"RAD": "Radiology"}

# OBX-3 codes whose OBX-5 is a Study Instance UID: RAD-128 (113014), RAD-28 (text) and DICOM (110180).
STUDY_UID_CODES = frozenset({"113014", "110180"})
STUDY_UID_WORDS = frozenset({"STUDY INSTANCE UID", "STUDYINSTANCEUID", "DICOM STUDY"})
# Other UIDs that travel in OBX and are no text either.
UID_CODES = frozenset({"113015", "112002", "121014", "121231"})
UID_WORDS = frozenset({"SERIES INSTANCE UID", "SR INSTANCE UID", "SOP INSTANCE UID"})
# Those of them that name the report itself as a DICOM object.
DOCUMENT_UID_WORDS = frozenset({"SR INSTANCE UID", "SOP INSTANCE UID"})
