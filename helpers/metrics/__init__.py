"""How disentangled are codes? Mutual information, the mutual information gap (MIG), DCI, and more.

Codes are [N, D] and factors [N, K], as torch tensors or numpy arrays; row i of both belongs to
image i. Factors are integer class indices. Information is in nats.
"""

from helpers.metrics.dci import DCI, dci
from helpers.metrics.information import MIG, entropy, mig, mutual_information
from helpers.metrics.inputs import Table
from helpers.metrics.others import beta_vae_score, factor_vae_score, modularity, sap
from helpers.metrics.posterior import posterior_mig

__all__ = [
    "DCI",
    "MIG",
    "Table",
    "beta_vae_score",
    "dci",
    "entropy",
    "factor_vae_score",
    "mig",
    "modularity",
    "mutual_information",
    "posterior_mig",
    "sap",
]
