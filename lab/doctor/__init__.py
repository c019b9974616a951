"""What this machine lacks, and the fix."""

from lab.doctor.checks import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
