"""HTTP: the door where live events come in, and the pages that say how it is."""

from butfor.web.serve import Served, serve

__all__ = ["Served", "serve"]
