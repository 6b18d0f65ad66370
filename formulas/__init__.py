"""The printed formulas: read from the pages, executed, and rewritten wrongly on purpose.

`formulas.reader`     reads them: ``latex.lark`` is their grammar
`formulas.worlds`     what the symbols stand for; ``symbols.toml`` declares them
`formulas.evaluator`  the value of a formula
`formulas.check`      whether a formula is true
`formulas.rewrites`   wrong versions, which the check must reject; ``same_meaning.toml`` lists those
                      that say the same

It belongs to the book, not to the package `hwlib`: run it from the repository's folder.
``python -m formulas`` checks all pages and stores how many formulas of each were executed.
"""
