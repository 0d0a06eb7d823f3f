"""Keeping the parts of the record running: who is started, when a dead one comes back, and how all stop together."""
