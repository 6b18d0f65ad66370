"""The practice page and the printed sheets: questions with numbers drawn anew.

`cases`      a network or samples drawn once, with the question that is asked
`instances`  those that a person can compute with, their answers and usual mistakes
`pictures`   the drawings into which the numbers are filled
`page`       the directive that puts a topic on the page
`sheet`      a sheet to print
"""
