"""`tensorflow.examples.tutorials`: the tutorials' data."""
