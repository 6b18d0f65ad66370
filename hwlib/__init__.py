"""The models of *Gradients by Hand*, their gradients, and the tools that check them.

Each chapter imports the module of its question; nothing is re-exported here.

==================  ======================================================================
`hwlib.polynomial`  question 1: the seven features of a polynomial, and the mask
`hwlib.hinge`       question 1: hypothesis, hinge loss, subgradient
`hwlib.optim`       question 1.3: stochastic descent; knows callables, no model
`hwlib.network`     question 2: a ReLU and sigmoid network, its loss and gradient, L2
`hwlib.blocks`      sums over blocks of samples, on the cores of a machine or on a cluster
`hwlib.gradcheck`   finite differences and the gradient check; knows callables, no model
`hwlib.diagnosis`   what kind of mistake makes a gradient differ; knows numbers alone
`hwlib.mistakes`    wrong gradients that people write, to test the checks with
`hwlib.equations`   reads the printed formulas and executes them (needs lark)
`hwlib.worlds`      what the symbols of the formulas stand for: points, drawn or computed
`hwlib.mutants`     wrong versions of a formula, which the checks must refuse
`hwlib.__main__`    ``python -m hwlib check FILE``: checks the gradients of a reader
`hwlib.data`        small data sets
`hwlib.plotting`    the figures' style and helpers (needs Matplotlib)
==================  ======================================================================
"""

__version__ = "1.0.0"
