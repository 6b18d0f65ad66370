"""Editions of the book to read elsewhere: a PDF and an EPUB, both from the built pages."""
