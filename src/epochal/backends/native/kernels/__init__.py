"""Register-blocked kernels: products, convolutions, pooling.

`lower(node, epilogue)` gives the launches that compute a node, or ``None`` where there is no kernel for it; see
`epochal.backends.native.kernels.lower`.
"""
