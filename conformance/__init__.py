"""What the record claims and checks: the R4 definitions it is held to, and black-box checks of feeds and endpoints."""
