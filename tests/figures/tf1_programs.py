"""What the programs of examples/tf1 print when the real TensorFlow runs them. Run with TensorFlow 2 installed.

Writes tf1_programs.json beside itself: for each program the numbers after its "name: number" lines. Programs that need
tf.layers or tf.nn.rnn_cell are left out: TensorFlow with Keras 3 has neither.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import runpy
import sys

import tensorflow

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parents[1] / "examples" / "tf1"
LEFT_OUT = ("dynamic_rnn", "gan", "recurrent_network")

v1 = tensorflow.compat.v1
v1.disable_v2_behavior()
sys.modules["tensorflow"] = v1

figures = {}
for path in sorted(PROGRAMS.glob("*.py")):
    if path.stem in LEFT_OUT:
        continue
    v1.reset_default_graph()
    sys.argv = [str(path)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        runpy.run_path(str(path), run_name="__main__")
    found = {}
    for line in out.getvalue().splitlines():
        name, colon, number = line.partition(": ")
        with contextlib.suppress(ValueError):
            if colon:
                found[name] = float(number)
    figures[path.stem] = found
    print(path.stem, found)

(HERE / "tf1_programs.json").write_text(json.dumps(figures, indent=1) + "\n")
