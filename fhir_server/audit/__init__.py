"""Disclosures: who saw what of whom and why, kept so that it cannot be lost or changed unseen, shown as AuditEvent."""
