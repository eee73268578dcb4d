"""A program that logs for TensorBoard, with flags and a decaying rate. Run with: epochal run examples/tf1/summaries.py"""

import tempfile

import numpy as np
import tensorflow as tf

flags = tf.app.flags
flags.DEFINE_float("learning_rate", 0.5, "Initial learning rate.")
flags.DEFINE_integer("max_steps", 40, "Number of steps to run.")
FLAGS = flags.FLAGS


def variable_summaries(var):
    with tf.name_scope("summaries"):
        mean = tf.reduce_mean(var)
        tf.summary.scalar("mean", mean)
        with tf.name_scope("stddev"):
            stddev = tf.sqrt(tf.reduce_mean(tf.square(var - mean)))
        tf.summary.scalar("stddev", stddev)
        tf.summary.histogram("histogram", var)


def main(_):
    random = np.random.RandomState(11)
    data_x = random.normal(0.0, 1.0, (300, 4)).astype("float32")
    data_y = (data_x @ np.array([1.0, -2.0, 0.5, 1.5]) > 0.0).astype("float32")[:, None]

    with tf.name_scope("input"):
        x = tf.placeholder(tf.float32, [None, 4], name="x-input")
        y_ = tf.placeholder(tf.float32, [None, 1], name="y-input")
    with tf.name_scope("layer"):
        weights = tf.Variable(tf.zeros([4, 1]), name="weights")
        variable_summaries(weights)
        biases = tf.Variable(tf.zeros([1]), name="biases")
        logits = tf.matmul(x, weights) + biases
        tf.summary.histogram("pre_activations", logits)
    with tf.name_scope("cross_entropy"):
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y_, logits=logits))
    tf.summary.scalar("cross_entropy", loss)

    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(FLAGS.learning_rate, step, 10, 0.9, staircase=True)
    train_step = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)
    accuracy, update = tf.metrics.accuracy(labels=y_, predictions=tf.round(tf.nn.sigmoid(logits)))

    merged = tf.summary.merge_all()
    with tempfile.TemporaryDirectory() as folder, tf.Session() as sess:
        train_writer = tf.summary.FileWriter(folder + "/train", sess.graph)
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for i in range(FLAGS.max_steps):
            summary, _ = sess.run([merged, train_step], feed_dict={x: data_x, y_: data_y})
            train_writer.add_summary(summary, i)
        train_writer.close()
        print("loss: %.7f" % sess.run(loss, feed_dict={x: data_x, y_: data_y}))
        print("rate: %.6f" % sess.run(rate))
        sess.run(update, feed_dict={x: data_x, y_: data_y})
        print("accuracy: %.4f" % sess.run(accuracy))


if __name__ == "__main__":
    tf.app.run()
