"""What a model says about its spatial transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from stn_numba.nn.arrays import Floats
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
from stn_numba.nn.model.find_transformers import chosen_transformer, input_of, named_transformers
from stn_numba.transform import MatrixTransform

if TYPE_CHECKING:
    from stn_numba.nn.layers.chain import Chain

__all__ = ["TransformerMethods"]


class TransformerMethods:
    """The methods of a model that ask its spatial transformers."""

    network: Chain
    _batched: Callable[..., Floats]

    @property
    def transformers(self) -> list[SpatialTransformer]:
        """All spatial transformers in the order of the data, without those inside localisation networks."""
        return [transformer for _, transformer in named_transformers(self.network)]

    def theta(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the parameters that a spatial transformer chooses for images.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images, as for `outputs`.
        transformer : int or str, default 0
            Its index in `transformers`, or its dotted name, as ``"spatialtransformer1"``. A transformer inside a localisation
            network has only a name.

        Returns
        -------
        (N, P) array

        Raises
        ------
        TypeError, ValueError
            As for `outputs`, and if there is no such transformer; the message lists those that exist.
        """
        _, chosen = chosen_transformer(self.network, transformer)
        return self._batched(lambda x: chosen.theta(input_of(chosen, self.network, x)), X, (chosen.transform.n_params,))

    def matrix(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the matrices that a spatial transformer chooses for images, if its transform is a homography.

        Parameters
        ----------
        X, transformer
            As for `theta`.

        Returns
        -------
        (N, 3, 3) array, or (N, 4, 4) for volumes
            From normalized output positions (x, y, 1) to normalized positions in the transformer's input. For pixels, pass
            `theta` to ``model.transformers[0].transform.pixel_matrix``.

        Raises
        ------
        TypeError, ValueError
            As for `theta`, and a TypeError if the transform has no matrices.
        """
        name, chosen = chosen_transformer(self.network, transformer)
        transform = chosen.transform
        if not isinstance(transform, MatrixTransform):
            raise TypeError(
                f"transformer: expected one whose transform is a matrix, got {name!r} ({chosen.transform_label}); "
                "model.theta returns its parameters"
            )
        return transform.matrix(self.theta(X, transformer=transformer))

    def transform(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the output of a spatial transformer: sampled images, or feature maps, (N, h, w, C); volumes (N, d, h, w, C).

        For parameters and errors see `theta`.
        """
        _, chosen = chosen_transformer(self.network, transformer)

        def sample(x: Floats) -> Floats:
            x = input_of(chosen, self.network, x)
            return chosen.sample(x, chosen.theta(x))

        return self._batched(sample, X, None)
