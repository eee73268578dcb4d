"""`tf.debugging`."""

from epochal.tf.checks import (
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_less,
    assert_less_equal,
    assert_non_negative,
    assert_none_equal,
    assert_positive,
    assert_rank,
    check_numerics,
    enable_check_numerics,
)

__all__ = [
    "assert_equal", "assert_greater", "assert_greater_equal", "assert_less", "assert_less_equal",
    "assert_non_negative", "assert_none_equal", "assert_positive", "assert_rank", "check_numerics",
    "enable_check_numerics",
]  # fmt: skip
