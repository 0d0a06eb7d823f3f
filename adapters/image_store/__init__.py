"""The region's own copy of pixels: a cache of what was fetched, and the archive of a trust without DICOMweb."""
