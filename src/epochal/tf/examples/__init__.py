"""`tensorflow.examples`: the tutorials' data."""
