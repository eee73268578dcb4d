"""Register-blocked kernels: products, convolutions, pooling, and their gradients.

`lower.lower(node, epilogue)` gives the launches that compute a node, or ``None`` where there is no kernel for it. All
of them stand on `block` (a tile of results in registers) and `finish` (what is done to it before it is stored);
`problem`, `geometry` and `phase` bring operators to the forms that kernels are written for; `work` cuts them up, from
shapes alone, so that the bits never depend on the number of threads.
"""
