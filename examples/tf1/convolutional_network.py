"""A convolutional network with dropout, on images of bars. Run with: epochal run examples/tf1/convolutional_network.py"""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(5)


def make_images(count):
    """Images of 12 by 12 with one bar: horizontal, vertical or diagonal."""
    kinds = random.randint(0, 3, count)
    images = random.normal(0.0, 0.3, (count, 12, 12))
    for image, kind in zip(images, kinds):
        place = random.randint(2, 10)
        if kind == 0:
            image[place, :] += 1.0
        elif kind == 1:
            image[:, place] += 1.0
        else:
            image[np.arange(12), np.arange(12)] += 1.0
    return images.reshape(count, 144).astype("float32"), np.eye(3, dtype="float32")[kinds]


train_x, train_y = make_images(600)
test_x, test_y = make_images(200)

X = tf.placeholder(tf.float32, [None, 144])
Y = tf.placeholder(tf.float32, [None, 3])
keep_prob = tf.placeholder(tf.float32)  # dropout (keep probability)


def conv2d(x, W, b, strides=1):
    x = tf.nn.conv2d(x, W, strides=[1, strides, strides, 1], padding="SAME")
    return tf.nn.relu(tf.nn.bias_add(x, b))


def maxpool2d(x, k=2):
    return tf.nn.max_pool(x, ksize=[1, k, k, 1], strides=[1, k, k, 1], padding="SAME")


def normal(*shape):
    return random.normal(0.0, 0.1, shape).astype("float32")


def conv_net(x, weights, biases, dropout):
    x = tf.reshape(x, shape=[-1, 12, 12, 1])
    conv1 = maxpool2d(conv2d(x, weights["wc1"], biases["bc1"]))
    conv2 = maxpool2d(conv2d(conv1, weights["wc2"], biases["bc2"]))
    fc1 = tf.reshape(conv2, [-1, weights["wd1"].get_shape().as_list()[0]])
    fc1 = tf.nn.relu(tf.add(tf.matmul(fc1, weights["wd1"]), biases["bd1"]))
    fc1 = tf.nn.dropout(fc1, dropout)
    return tf.add(tf.matmul(fc1, weights["out"]), biases["out"])


weights = {
    "wc1": tf.Variable(normal(3, 3, 1, 8)),
    "wc2": tf.Variable(normal(3, 3, 8, 16)),
    "wd1": tf.Variable(normal(3 * 3 * 16, 32)),
    "out": tf.Variable(normal(32, 3)),
}
biases = {
    "bc1": tf.Variable(tf.zeros([8])),
    "bc2": tf.Variable(tf.zeros([16])),
    "bd1": tf.Variable(tf.zeros([32])),
    "out": tf.Variable(tf.zeros([3])),
}

logits = conv_net(X, weights, biases, keep_prob)
prediction = tf.nn.softmax(logits)
loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=Y))
train_op = tf.train.AdamOptimizer(learning_rate=0.003, epsilon=1e-3).minimize(loss_op)
correct_pred = tf.equal(tf.argmax(prediction, 1), tf.argmax(Y, 1))
accuracy = tf.reduce_mean(tf.cast(correct_pred, tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    # The first steps without dropout, so that they come out the same on any engine ...
    for step in range(10):
        batch = slice(step * 60 % 600, step * 60 % 600 + 60)
        sess.run(train_op, feed_dict={X: train_x[batch], Y: train_y[batch], keep_prob: 1.0})
    print("loss: %.6f" % sess.run(loss_op, feed_dict={X: test_x, Y: test_y, keep_prob: 1.0}))
    # ... and the others with it.
    for step in range(60):
        batch = slice(step * 60 % 600, step * 60 % 600 + 60)
        sess.run(train_op, feed_dict={X: train_x[batch], Y: train_y[batch], keep_prob: 0.75})
    print("accuracy: %.4f" % sess.run(accuracy, feed_dict={X: test_x, Y: test_y, keep_prob: 1.0}))
