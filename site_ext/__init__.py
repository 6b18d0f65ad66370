"""What the site needs beyond Jupyter Book: used while it is built, never by a reader."""
