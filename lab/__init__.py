"""The lab: runs the shop, loads it, breaks it, compares, audits, replays, reports."""
