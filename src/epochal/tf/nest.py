"""`tf.nest`: nested structures."""

from epochal.tree import assert_same_structure, flatten, is_nested, map_structure
from epochal.tree import pack_like as pack_sequence_as

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]
