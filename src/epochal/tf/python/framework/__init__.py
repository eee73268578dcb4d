"""`tensorflow.python.framework`: what tutorials import from it."""
