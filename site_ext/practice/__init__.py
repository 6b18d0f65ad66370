"""The practice page and the printed sheets: questions with numbers drawn anew.

`instances`  draws numbers, with the answer and the usual mistakes from hwlib
`pictures`   the drawings into which the numbers are filled
`page`       the directive that puts a topic on the page
`sheet`      a sheet to print
"""
