"""The course kit: what an instructor hands out, made from the book's own pages."""
