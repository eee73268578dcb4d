"""The parts of TensorFlow's inner package that tutorials import from."""
