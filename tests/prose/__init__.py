"""The numbers and the inline formulas of the prose, each bound to what the page computes.

A *number* in a sentence, a caption or an alt text is listed in a comment of its cell, beside an
expression over the names that the page computes: ``<!-- 442 = n_wrong -->``. An inline formula with
a relation is a *hand calculation*, a *claim*, a *value* or a *condition*: see `judge.Scope.judge`.
So whoever changes a digit makes a test fail. CONTRIBUTING.md, "A number in a sentence", has the
rules. ``python -m tests.prose chapters/PAGE.ipynb`` lists what is bound to nothing, or is false.

`text`     what a page says
`run`      what it computes
`example`  the value of a formula in the running example
`judge`    what an inline formula is, and whether it holds
`check`    whether each number is bound to its value
`reasons`  the reasons beside the lines of a derivation
`changes`  changes that must be noticed
"""

BOUND: list[str] = [
    "intro.ipynb", "first_gradient.ipynb", "gradient_checks.ipynb", "hinge_1_hypothesis.ipynb",
    "hinge_2_gradient.ipynb", "hinge_3_algorithm.ipynb", "network_0_forward.ipynb",
    "network_1_output_error.ipynb", "network_2_output_weight.ipynb",
    "network_3_hidden_weight.ipynb", "network_4_l2.ipynb", "beyond_floats.ipynb",
    "beyond_checks.ipynb", "beyond_layers.ipynb", "beyond_training.ipynb", "beyond_autodiff.ipynb",
    "beyond_scale.ipynb", "errata.ipynb", "notation.md", "teaching.ipynb",
]  # fmt: skip
"""The pages all of whose numbers and inline formulas are bound. The list only grows."""
