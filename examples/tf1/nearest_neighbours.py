"""The nearest neighbour by the sum of absolute differences. Run with: epochal run examples/tf1/nearest_neighbours.py"""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(2)
centres = random.uniform(0.0, 1.0, (10, 32))
train_labels, test_labels = random.randint(0, 10, 500), random.randint(0, 10, 100)
train_x = (centres[train_labels] + random.normal(0.0, 0.35, (500, 32))).astype("float32")
test_x = (centres[test_labels] + random.normal(0.0, 0.35, (100, 32))).astype("float32")

xtr = tf.placeholder("float", [None, 32])
xte = tf.placeholder("float", [32])

distance = tf.reduce_sum(tf.abs(tf.add(xtr, tf.negative(xte))), reduction_indices=1)
pred = tf.argmin(distance, 0)

correct = 0
total = 0.0
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(len(test_x)):
        nn_index, distances = sess.run([pred, distance], feed_dict={xtr: train_x, xte: test_x[i, :]})
        total += distances[nn_index]
        correct += int(train_labels[nn_index] == test_labels[i])

print("accuracy: %.2f" % (correct / len(test_x)))
print("mean distance: %.6f" % (total / len(test_x)))
