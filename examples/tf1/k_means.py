"""K-means by segment sums. Run with: epochal run examples/tf1/k_means.py"""

import numpy as np
import tensorflow as tf

num_clusters = 4
random = np.random.RandomState(3)
true_centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
data = np.concatenate([centre + random.normal(0.0, 0.5, (100, 2)) for centre in true_centres]).astype("float32")
random.shuffle(data)

points = tf.constant(data)
centroids = tf.Variable(data[:num_clusters], name="centroids")
assignments = tf.Variable(tf.zeros([len(data)], dtype=tf.int64))

differences = tf.expand_dims(points, 1) - tf.expand_dims(centroids, 0)
distances = tf.reduce_sum(tf.square(differences), 2)
nearest = tf.argmin(distances, 1)
inertia = tf.reduce_sum(tf.reduce_min(distances, 1))

totals = tf.unsorted_segment_sum(points, nearest, num_clusters)
counts = tf.unsorted_segment_sum(tf.ones([len(data), 1]), nearest, num_clusters)
means = totals / tf.maximum(counts, 1.0)

did_change = tf.reduce_any(tf.not_equal(nearest, assignments))
with tf.control_dependencies([did_change]):
    update = tf.group(tf.assign(centroids, means), tf.assign(assignments, nearest))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    changed, steps = True, 0
    while changed and steps < 100:
        changed, _ = sess.run([did_change, update])
        steps += 1
    found, cost = sess.run([centroids, inertia])

found = found[np.lexsort(np.round(found).T)]
print("steps: %d" % steps)
print("inertia: %.4f" % cost)
for index, (a, b) in enumerate(found):
    print("centre %d: %.5f" % (index, a + 10.0 * b))
print("error: %.4f" % max(np.linalg.norm(found - centre, axis=1).min() for centre in true_centres))
