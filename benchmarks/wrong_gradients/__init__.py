"""Wrong gradients and right ones, and what gradient checks say of them.

=============================================  ==============================================
`benchmarks.wrong_gradients.public`            wrong ones that people reported, with sources
`benchmarks.wrong_gradients.own`               wrong ones of the book's catalogue and its kinds
`benchmarks.wrong_gradients.right`             right ones that are hard to check
`benchmarks.wrong_gradients.shapes`            lines of a backward pass, wrong and right, for tests
`benchmarks.wrong_gradients.checkers`          hwlib, PyTorch, JAX, SciPy, autograd
`python -m benchmarks.wrong_gradients`         runs all, writes `benchmarks/wrong_gradients.csv`
=============================================  ==============================================
"""

from benchmarks.wrong_gradients import own, public, right
from benchmarks.wrong_gradients.case import Case

CASES: list[Case] = [*public.CASES, *own.CASES, *right.CASES]

__all__ = ["CASES", "Case"]
