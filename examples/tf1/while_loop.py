"""Loops and branches inside a graph. Run with: epochal run examples/tf1/while_loop.py"""

import tensorflow as tf

# Newton's square root, until it is exact enough.
number = tf.placeholder(tf.float32, [])


def not_yet(steps, guess):
    return tf.abs(guess * guess - number) > 1e-4


def improve(steps, guess):
    return steps + 1, 0.5 * (guess + number / guess)


steps, root = tf.while_loop(not_yet, improve, [tf.constant(0), number])

# Fibonacci's numbers, with a list of loop variables and a nested condition.
count = tf.placeholder(tf.int32, [])
_, fibonacci, _, evens = tf.while_loop(
    lambda i, a, b, evens: i < count,
    lambda i, a, b, evens: (i + 1, b, a + b, evens + tf.cond(tf.equal(tf.mod(a, 2), 0), lambda: 1, lambda: 0)),
    (0, 0, 1, 0),
)

# A power by repeated products of a matrix, and its gradient.
x = tf.Variable(1.1)
_, power = tf.while_loop(lambda i, p: i < 5, lambda i, p: (i + 1, p * x), (0, 1.0), maximum_iterations=5)
(slope,) = tf.gradients(power, [x])

# A variable that the loop counts with.
counter = tf.Variable(0)


def count_up(i):
    with tf.control_dependencies([tf.assign_add(counter, 2)]):
        return [i + 1]


counted = tf.while_loop(lambda i: i < 4, count_up, [tf.constant(0)])

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    taken, result = sess.run([steps, root], feed_dict={number: 2.0})
    print("steps: %d" % taken)
    print("root: %.5f" % result)
    print("fibonacci: %d" % sess.run(fibonacci, feed_dict={count: 20}))
    print("evens: %d" % sess.run(evens, feed_dict={count: 20}))
    print("power: %.6f" % sess.run(power))
    print("slope: %.5f" % sess.run(slope))
    sess.run(counted)
    print("counter: %d" % sess.run(counter))
