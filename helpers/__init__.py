"""The small package behind the notebooks: each derives a piece first and imports it afterwards."""

import os

# Torch's threads wait for each other in a busy loop. When another program wants a core, that makes
# a training step several times slower. After a short spin they sleep instead; it must be said
# before torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "500")

from helpers.installation import DATA, doctor  # noqa: E402
from helpers.ledger import claim, claims, verify  # noqa: E402

__all__ = ["DATA", "claim", "claims", "doctor", "verify"]
