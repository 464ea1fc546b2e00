"""Images whose factors are known: sprites, fruits and faces, drawn here; real digits; your own.

A data set has `factor_names`, `factor_sizes`, `image_shape`, `len()`, `factors(index)` and
`sample(n, generator)`. Where every combination of factors can be drawn it has `images(factors)`
too, and `code(shape="heart", scale=4)` says such factors by name. Images are float32 tensors
[B, C, H, W] in [0, 1]; factors are int64 tensors [B, K] of class indices.
"""

from helpers.datasets.base import Dataset, FactorDataset
from helpers.datasets.digits import Digits, digits
from helpers.datasets.drawn import FactorTable, faces, fruits
from helpers.datasets.dsprites import PublishedSprites, load_dsprites
from helpers.datasets.own import Pictures, as_dataset, fingerprint, pictures, table
from helpers.datasets.pairs import Pairs, pairs_of_sprites
from helpers.datasets.published import PublishedObjects, load_mpi3d, load_shapes3d
from helpers.datasets.sprites import Sprites, sprites

__all__ = [
    "Dataset",
    "Digits",
    "FactorDataset",
    "FactorTable",
    "Pairs",
    "Pictures",
    "PublishedObjects",
    "PublishedSprites",
    "Sprites",
    "as_dataset",
    "digits",
    "faces",
    "fingerprint",
    "fruits",
    "load_dsprites",
    "load_mpi3d",
    "load_shapes3d",
    "pairs_of_sprites",
    "pictures",
    "sprites",
    "table",
]
