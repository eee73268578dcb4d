"""Texts to numbers. Expected values are those of Keras's own Tokenizer."""

import numpy as np
import pytest

from epochal.errors import ArgumentError
from epochal.keras.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

TEXTS = ["The cat sat on the mat.", "The dog ate my homework!", "I love my dog, my cat... and  my mat"]


def fitted(**arguments):
    tokenizer = Tokenizer(**arguments)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_commonest_words_come_first():
    tokenizer = fitted()
    assert list(tokenizer.word_index)[:5] == ["my", "the", "cat", "mat", "dog"]
    assert tokenizer.texts_to_sequences(["the zebra, the cat"]) == [[2, 2, 3]]
    assert (tokenizer.document_count, tokenizer.word_counts["my"], tokenizer.word_docs["my"]) == (3, 4, 2)


def test_words_that_are_not_known():
    tokenizer = fitted(num_words=4, oov_token="<OOV>")
    sequences = tokenizer.texts_to_sequences(["my dog, the zebra"])
    assert sequences == [[2, 1, 3, 1]]
    assert tokenizer.sequences_to_texts(sequences) == ["my <OOV> the <OOV>"]
    assert fitted(num_words=3).texts_to_sequences(["my dog, the zebra"]) == [[1, 2]]


def test_matrices():
    tokenizer = fitted()
    count = tokenizer.texts_to_matrix(["my my cat"], mode="count")
    assert count.shape == (1, len(tokenizer.word_index) + 1)
    assert (count[0, 1], count[0, 3], count.sum()) == (2, 1, 3)
    assert tokenizer.texts_to_matrix(["my my cat"]).sum() == 2
    np.testing.assert_allclose(tokenizer.texts_to_matrix(["my my cat"], mode="freq").sum(), 1)
    weight = tokenizer.texts_to_matrix(["my my cat"], mode="tfidf")[0, 1]
    np.testing.assert_allclose(weight, (1 + np.log(2)) * np.log(1 + 3 / (1 + 2)))
    with pytest.raises(ArgumentError, match="one of binary, count"):
        tokenizer.texts_to_matrix(["my"], mode="other")
    with pytest.raises(ArgumentError, match="fit_on_texts"):
        Tokenizer().texts_to_matrix(["my"])


def test_characters_lists_and_options():
    assert fitted(char_level=True).word_index[" "] == 1
    assert fitted(lower=False).word_index["The"] < fitted(lower=False).word_index["sat"]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["A", "b"], ["b"]])
    assert tokenizer.word_index == {"b": 1, "a": 2}
    assert text_to_word_sequence("Hello, World!  x") == ["hello", "world", "x"]


def test_round_trip():
    tokenizer = fitted(oov_token="?")
    again = tokenizer_from_json(tokenizer.to_json())
    assert again.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    assert again.sequences_to_texts([[2, 3]]) == tokenizer.sequences_to_texts([[2, 3]])
