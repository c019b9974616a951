"""The same orders through several wirings, in rounds, with faults; figures beside their conditions."""
