"""Which variables and layers an object holds: in attributes, and in lists, tuples and dictionaries there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex


class Tracker:
    """Sorts what it is given into lists by kind.

    Args:
        kinds: For each list's name, a test and the list.
    """

    def __init__(self, kinds: dict[str, tuple[Callable[[Any], bool], list[Any]]]) -> None:
        self.kinds = kinds

    def track(self, value: Any) -> Any:
        """Notes `value` and what it contains; returns it, containers wrapped so that later changes are noted too."""
        for is_kind, found in self.kinds.values():
            if is_kind(value):
                if not any(value is item for item in found):
                    found.append(value)
                return value
        if type(value) is list:
            return TrackedList(value, self)
        if type(value) is dict:
            return TrackedDict(value, self)
        if isinstance(value, tuple) and any(self.concerns(item) for item in value):
            items = [self.track(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        return value

    def snapshot(self) -> list[list[Any]]:
        """What is noted now, for `restore`."""
        return [list(found) for _, found in self.kinds.values()]

    def restore(self, snapshot: list[list[Any]]) -> None:
        """Forgets what has been noted since."""
        for (_, found), before in zip(self.kinds.values(), snapshot, strict=True):
            found[:] = before

    def concerns(self, value: Any) -> bool:
        """Whether `value` is of a tracked kind or may contain such."""
        return isinstance(value, (list, dict, tuple)) or any(is_kind(value) for is_kind, _ in self.kinds.values())

    def untrack(self, value: Any) -> None:
        """Forgets `value`."""
        for _, found in self.kinds.values():
            for index, item in enumerate(found):
                if item is value:
                    del found[index]
                    return


class TrackedList(list[Any]):
    """A list whose items are tracked."""

    def __init__(self, values: Iterable[Any] = (), tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__(self._track(value) for value in values)

    def _track(self, value: Any) -> Any:
        return value if self.tracker is None else self.tracker.track(value)

    def _untrack(self, value: Any) -> None:
        if self.tracker is not None and not any(value is item for item in self):
            self.tracker.untrack(value)

    def append(self, value: Any) -> None:
        super().append(self._track(value))

    def insert(self, index: SupportsIndex, value: Any) -> None:
        super().insert(index, self._track(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([self._track(value) for value in values])

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:  # type: ignore[override]
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        removed = self[index] if isinstance(index, slice) else [self[index]]
        super().__setitem__(
            index, [self._track(item) for item in value] if isinstance(index, slice) else self._track(value)
        )
        for item in removed:
            self._untrack(item)

    def __delitem__(self, index: Any) -> None:
        removed = self[index] if isinstance(index, slice) else [self[index]]
        super().__delitem__(index)
        for item in removed:
            self._untrack(item)

    def remove(self, value: Any) -> None:
        super().remove(value)
        self._untrack(value)

    def pop(self, index: SupportsIndex = -1) -> Any:
        value = super().pop(index)
        self._untrack(value)
        return value

    def clear(self) -> None:
        removed = list(self)
        super().clear()
        for value in removed:
            self._untrack(value)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class TrackedDict(dict[Any, Any]):
    """A dictionary whose values are tracked."""

    def __init__(self, values: Mapping[Any, Any] | None = None, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__({key: self._track(value) for key, value in (values or {}).items()})

    def _track(self, value: Any) -> Any:
        return value if self.tracker is None else self.tracker.track(value)

    def __setitem__(self, key: Any, value: Any) -> None:
        removed = self.get(key)
        super().__setitem__(key, self._track(value))
        if removed is not None and removed is not value and self.tracker is not None:
            self.tracker.untrack(removed)

    def update(self, *others: Any, **values: Any) -> None:
        for key, value in dict(*others, **values).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        value = super().pop(key, *default)
        if self.tracker is not None:
            self.tracker.untrack(value)
        return value

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
