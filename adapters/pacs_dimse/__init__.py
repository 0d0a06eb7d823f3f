"""A trust's PACS that speaks only DIMSE (PS3.7): C-FIND to find, C-GET or C-MOVE to bring pixels here."""
