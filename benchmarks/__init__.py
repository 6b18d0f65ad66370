"""How fast the book's own code is, beside other libraries: `make bench`."""
