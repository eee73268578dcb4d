"""Texts to numbers, as programs for Keras 2 do it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text, without the characters of `filters`."""
    text = text.lower() if lower else text
    return [word for word in text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split) if word]


class Tokenizer:
    """Numbers words by how often they occur, from 1.

    Args:
        num_words: Only numbers below this one are handed out; ``None`` for all.
        filters: Characters that part words.
        lower: Whether to make texts lower case.
        split: What stands between words.
        char_level: Whether every character is a word.
        oov_token: Takes number 1 and stands for words that are not known; ``None`` leaves them out.
        analyzer: From a text to its words, instead of all this.

    Attributes:
        word_index: From word to number.
        index_word: From number to word.
        word_counts: How often each word was seen.
        word_docs: In how many texts.
        document_count: How many texts were seen.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Any = None,
        document_count: int = 0,
    ) -> None:
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, (list, tuple)) or self.char_level:
            return [word.lower() if self.lower else word for word in text]
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Counts the words of texts (or of lists of words) and numbers them anew, the commonest first."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word, count in Counter(words).items():
                self.word_counts[word] = self.word_counts.get(word, 0) + count
                self.word_docs[word] = self.word_docs.get(word, 0) + 1
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: number for number, word in enumerate([*first, *ranked], start=1)}
        self.index_word = {number: word for word, number in self.word_index.items()}

    def _is_known(self, number: int | None) -> bool:
        return number is not None and (not self.num_words or number < self.num_words)

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """As `texts_to_sequences`, one after another."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            chosen = (number if self._is_known(number) else unknown for number in numbers)
            yield [number for number in chosen if number is not None]

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Each text as the numbers of its words."""
        return list(self.texts_to_sequences_generator(texts))

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of the numbers, joined by spaces."""
        texts = []
        for sequence in sequences:
            words = (self.index_word.get(int(n)) if self._is_known(int(n)) else None for n in sequence)
            kept = (self.oov_token if word is None else word for word in words)
            texts.append(" ".join(word for word in kept if word is not None))
        return texts

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """`sequences_to_matrix` of the texts' sequences."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """A row a text and a column a number, ``[texts, numbers]``.

        Args:
            sequences: Numbers of words.
            mode: ``"binary"`` (does it occur), ``"count"``, ``"freq"`` (count over length) or ``"tfidf"``:
                ``(1 + log count) * log(1 + texts / (1 + texts with the word))``.

        Raises:
            ArgumentError: Another mode, or no words are known yet.
        """
        if mode not in _MODES:
            raise ArgumentError(f"Expected mode to be one of {', '.join(_MODES)}. Received: {mode!r}")
        if not self.num_words and not self.word_index:
            raise ArgumentError("Specify `num_words`, or call `fit_on_texts` first.")
        matrix = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1))
        for row, sequence in enumerate(sequences):
            for number, count in Counter(n for n in sequence if n < matrix.shape[1]).items():
                matrix[row, number] = self._weight(mode, number, count, len(sequence))
        return matrix

    def _weight(self, mode: str, number: int, count: int, length: int) -> float:
        if mode == "binary":
            return 1.0
        if mode == "count":
            return float(count)
        if mode == "freq":
            return count / length
        seen = self.word_docs.get(self.index_word.get(number, ""), 0)
        return float((1 + np.log(count)) * np.log(1 + self.document_count / (1 + seen)))

    def get_config(self) -> dict[str, Any]:
        """All it needs to be made again; the tables as JSON texts, as Keras keeps them."""
        options = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        tables = ("word_counts", "word_docs", "index_word", "word_index")
        plain = {name: getattr(self, name) for name in options}
        return {**plain, **{name: json.dumps(getattr(self, name)) for name in tables}}

    def to_json(self, **kwargs: Any) -> str:
        """As JSON, for `tokenizer_from_json`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` wrote."""
    config = json.loads(json_string)["config"]
    tables = {name: json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "word_index", "index_word")}
    config.pop("index_docs", None)
    tokenizer = Tokenizer(**config)
    tables["index_word"] = {int(number): word for number, word in tables["index_word"].items()}
    for name, table in tables.items():
        setattr(tokenizer, name, table)
    return tokenizer


__all__ = ["Tokenizer", "text_to_word_sequence", "tokenizer_from_json"]
