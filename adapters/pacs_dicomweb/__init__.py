"""A trust's PACS that speaks DICOMweb (PS3.18): QIDO-RS for finding, WADO-RS for pixels."""
