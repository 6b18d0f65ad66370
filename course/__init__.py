"""The kit for a class, made from the book: `make course` writes it to ``_build/course``.

It is no part of hwlib, and does not go into its wheel.
"""
