"""The models of *Gradients by Hand*, their gradients, and the check of a gradient.

Each chapter imports the module of its question; nothing is re-exported here.

==================  ======================================================================
`hwlib.polynomial`  question 1: the seven features of a polynomial, and the mask
`hwlib.hinge`       question 1: hypothesis, hinge loss, subgradient
`hwlib.optim`       question 1.3: stochastic descent; knows a callable, no model
`hwlib.network`     question 2: a ReLU and sigmoid network, its loss and gradient, L2
`hwlib.layers`      beyond the sheet: any number of layers, softmax and cross-entropy
`hwlib.data`        small data sets
`hwlib.gradcheck`   finite differences, the gradient check, the catalogue of mistakes
`hwlib.numbering`   the numbers of the book's equations, for reports
`hwlib.sheet`       the questions of the sheet and of the homework, at two points each
`hwlib.grading`     how an answer to a question is graded
`hwlib.apart`       the process of its own in which a reader's file runs
`hwlib.tables`      what is told of a class: the tables, and the counts
`hwlib.__main__`    ``python -m hwlib check FILE``: checks the gradients of a reader
`hwlib.plotting`    the figures' style and helpers (needs Matplotlib)
`hwlib.scale`       the engine room: the same losses and gradients for many samples
==================  ======================================================================
"""

__version__ = "1.0.0"
