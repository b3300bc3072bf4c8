"""What a run used of the machine."""

from __future__ import annotations

import sys


def peak_rss_mb() -> float:
    """Return the most memory that this process ever held, in megabytes; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0.0
    most = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    # Linux counts kilobytes, macOS bytes.
    return most / 1024 if sys.platform != "darwin" else most / 1024**2
