# ruff: noqa
"""all error: what its process answered is no answer"""

import os

for text in ('{"failed": []}', '{"failed": [["x"]], "defined": []}', '{"failed": 1}'):
    for number in range(3, 20):
        try:
            os.write(number, (text + "\n").encode())
        except OSError:
            pass
os._exit(0)
