"""Finite differences, and a check of gradients that says what it could not see.

=================================  ==========================================================
`numerical_grad`                   the gradient by finite differences, with one step
`check_grad`                       compares a gradient with finite differences: a `Report`
`check_jacobian`                   the same for a function with vector values, entry by entry
`check_vjp`, `check_hvp`           for a backward pass, and for Hessian-vector products
`subgradient_violation`            decides at a kink of a convex function
`hwlib.gradcheck.mistakes`         wrong gradients that people write, to test a check with
`hwlib.gradcheck.blind_spots`      why a mistake could hide at a point
=================================  ==========================================================

How a check goes: ``problem`` holds f, the gradient and the point, and measures how f is
rounded; ``step_ladder`` chooses the step of each derivative, ``kinks`` looks beside the point,
``check`` judges each coordinate, ``diagnosis`` says what kind of mistake it is with the table of
``patterns``, or what would have been missed, and ``report`` prints it. All but the last two of
the table know callables and no model.

The same holds for all functions here:

- A `Point` such as `x` is an array of any shape, a number, or a NamedTuple, dict, list, tuple or
  dataclass of points, nested as you like; it is never changed. float32 is taken as float64.
- ``f(x)`` returns one finite real number. Near `x` it may be undefined: it may return NaN, or
  raise a ValueError, ArithmeticError or AssertionError.
- ``grad(x)`` returns the gradient, laid out like `x`.
- A coordinate is named as it is indexed: ``W_hidden[0, 2]``, or ``theta[3]`` where f calls its
  argument theta.
- A ValueError says which argument was rejected, what came and what was expected. It is also
  raised where f or grad returns anything else at `x`, or fails beside it: the message then
  says by how much `x` was moved.
"""

from hwlib._layout import MACHINE_EPSILON
from hwlib.gradcheck.check import check_grad, check_hvp, check_jacobian, check_vjp
from hwlib.gradcheck.numerical import numerical_grad, subgradient_violation
from hwlib.gradcheck.report import Coordinate, Finding, Report

__all__ = ["MACHINE_EPSILON", "Coordinate", "Finding", "Report",
           "check_grad", "check_hvp", "check_jacobian", "check_vjp",
           "numerical_grad", "subgradient_violation"]  # fmt: skip
