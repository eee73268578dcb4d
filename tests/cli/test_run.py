"""`epochal run`: other people's scripts, their arguments, errors and exit codes."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from epochal.cli import binding, run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def epochal_run(path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "epochal.cli.main", "run", str(path), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", ["linear_regression_tf1.py", "linear_regression_keras.py"])
def test_examples_run_to_the_letter(name):
    done = epochal_run(EXAMPLES / name)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_graph_mode_is_decided_before_the_script_runs(script):
    path = script("""
        import tensorflow as tf
        one = tf.constant(1.0) + 1.0
        print(type(one).__name__)
        with tf.Session() as session:
            print(session.run(one))
    """)
    assert epochal_run(path).stdout.split() == ["GraphTensor", "2.0"]


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "epochal", "--version"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.startswith("epochal ")


def test_eager_otherwise(script):
    path = script("""
        import tensorflow as tf
        print(float(tf.constant(1.0) + 1.0))
    """)
    assert epochal_run(path).stdout.split() == ["2.0"]


@pytest.mark.parametrize(
    ("text", "graphs"),
    [
        ("import tensorflow as tf\ntf.placeholder", True),
        ("import tensorflow.compat.v1 as t\nt.Session()", True),
        ("import tensorflow\ntensorflow.compat.v1.placeholder", True),
        ("from tensorflow.compat.v1 import Session", True),
        ("from tensorflow import compat\ncompat.v1.disable_eager_execution()", True),
        ("import tensorflow as tf\ntf.Variable(1.0)", False),
        ("import requests\nrequests.Session()", False),
        ("import tensorflow as tf\nimport requests\nrequests.Session()", False),
    ],
)
def test_which_names_mean_graphs(text, graphs):
    import ast

    assert run.uses_graphs(ast.parse(text)) is graphs


def test_arguments_and_main_module(script):
    path = script("""
        import sys
        if __name__ == "__main__":
            print(sys.argv[1:], sys.path[0])
    """)
    done = epochal_run(path, "--epochs", "3")
    assert done.stdout.split("] ")[0] == "['--epochs', '3'"
    assert str(path.parent) in done.stdout


def test_keras_under_all_its_names(script):
    path = script("""
        import keras, tensorflow as tf
        import tensorflow.keras
        import keras.layers
        from keras.models import Sequential
        from tensorflow.keras.layers import Dense
        from tensorflow import keras as again
        assert Dense is keras.layers.Dense is tf.keras.layers.Dense
        assert again is keras
        print(Sequential.__name__)
    """)
    done = epochal_run(path)
    assert done.stdout.split() == ["Sequential"], done.stderr


def test_an_error_shows_the_scripts_own_frames(script):
    path = script("""
        import tensorflow as tf

        def product():
            return tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))

        product()
    """)
    done = epochal_run(path)
    assert done.returncode == 1
    assert f'File "{path}", line 7, in <module>' in done.stderr
    assert f'File "{path}", line 5, in product' in done.stderr
    assert "epochal/" not in done.stderr
    assert "(2, 3)" in done.stderr
    full = subprocess.run(
        [sys.executable, "-m", "epochal.cli.main", "run", "--full-traceback", str(path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "epochal" in full.stderr


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('no luck')", 1, "no luck"),
        ("import sys; sys.exit()", 0, ""),
        ("raise KeyboardInterrupt", 130, "Interrupted."),
        ("def (", 1, "SyntaxError"),
        ("import keras.nothing_like_this", 1, "No module named 'keras.nothing_like_this': Epochal has no"),
        ("from keras.layers import Nonsense", 1, "Nonsense"),
    ],
)
def test_exit_codes(script, text, code, words):
    done = epochal_run(script(text))
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_a_missing_script(tmp_path):
    done = epochal_run(tmp_path / "nothing.py")
    assert done.returncode == 2
    assert "cannot read" in done.stderr


def test_real_names():
    assert binding.real_name("keras.layers") == "epochal.keras.layers"
    assert binding.real_name("tensorflow.keras.models") == "epochal.keras.models"
    assert binding.real_name("tensorflow.compat.v1") == "epochal.tf.compat.v1"
    assert binding.real_name("keras_tuner") is None


def test_models_train_in_scripts_of_graphs(script):
    path = script("""
        import numpy as np
        import tensorflow as tf
        from keras.backend.tensorflow_backend import set_session
        from keras.models import Sequential
        from keras.layers import Dense, Dropout

        configuration = tf.ConfigProto()
        configuration.gpu_options.allow_growth = True
        set_session(tf.Session(config=configuration))
        model = Sequential([Dense(4, input_dim=3, activation="relu"), Dropout(0.5), Dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        x, y = np.ones((10, 3)), np.ones(10)
        model.fit(x, y, verbose=0)
        model.train_on_batch(x, y)
        print(model.predict(x, verbose=0).shape, len(model.evaluate(x, y, verbose=0)))
    """)
    done = epochal_run(path)
    assert done.stdout.split("\n")[0] == "(10, 1) 2", done.stderr
