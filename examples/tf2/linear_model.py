"""A line fitted by hand: variables, a tape, steps. Run with: epochal run examples/tf2/linear_model.py"""

import numpy as np
import tensorflow as tf

x = np.linspace(-2.0, 2.0, 201).astype("float32")
y = 3.0 * x + 2.0 + np.random.RandomState(0).normal(0.0, 0.1, 201).astype("float32")


class Line(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.w * x + self.b


model = Line()
for epoch in range(40):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(y - model(x)))
    dw, db = tape.gradient(loss, [model.w, model.b])
    model.w.assign_sub(0.1 * dw)
    model.b.assign_sub(0.1 * db)

print("loss: %.6f" % loss)
print("weight: %.5f" % model.w.numpy())
print("bias: %.5f" % model.b.numpy())
print("variables: %d" % len(model.trainable_variables))
