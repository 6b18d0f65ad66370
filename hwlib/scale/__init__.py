"""The engine room: the losses and gradients of the book as fast as they go, for many samples.

`hwlib.scale.hinge`    the hinge loss with its gradient, and Algorithm 1
`hwlib.scale.network`  the loss of the network with its gradient
`hwlib.scale.blocks`   one sum over blocks of samples, in one place after another or in many

They compute what `hwlib.hinge`, `hwlib.network` and `hwlib.optim` do, to rounding, raise the
same errors, and need NumPy alone. With Numba (the extra ``fast``) they are fast.
"""

from hwlib.scale import blocks, hinge, network

__all__ = ["blocks", "hinge", "network"]
