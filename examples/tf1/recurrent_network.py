"""An LSTM that tells rising from falling sequences. Run with: epochal run examples/tf1/recurrent_network.py"""

import numpy as np
import tensorflow as tf
from tensorflow.nn import rnn_cell

tf.set_random_seed(6)
random = np.random.RandomState(6)

timesteps, num_input, num_hidden, num_classes = 10, 2, 16, 2
slope = random.choice([-1.0, 1.0], 400)
data_x = random.normal(0.0, 0.5, (400, timesteps, num_input))
data_x[:, :, 0] += slope[:, None] * np.linspace(-1.0, 1.0, timesteps)
data_x, data_y = data_x.astype("float32"), np.eye(2, dtype="float32")[(slope > 0).astype(int)]

X = tf.placeholder("float", [None, timesteps, num_input])
Y = tf.placeholder("float", [None, num_classes])

weights = {"out": tf.Variable(tf.random_normal([num_hidden, num_classes]))}
biases = {"out": tf.Variable(tf.random_normal([num_classes]))}


def RNN(x, weights, biases):
    x = tf.unstack(x, timesteps, 1)
    lstm_cell = rnn_cell.BasicLSTMCell(num_hidden, forget_bias=1.0)
    outputs, states = tf.nn.static_rnn(lstm_cell, x, dtype=tf.float32)
    return tf.matmul(outputs[-1], weights["out"]) + biases["out"]


logits = RNN(X, weights, biases)
prediction = tf.nn.softmax(logits)
loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=Y))
train_op = tf.train.GradientDescentOptimizer(learning_rate=0.5).minimize(loss_op)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(prediction, 1), tf.argmax(Y, 1)), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(60):
        batch = slice(step * 50 % 300, step * 50 % 300 + 50)
        sess.run(train_op, feed_dict={X: data_x[batch], Y: data_y[batch]})
    print("loss: %.4f" % sess.run(loss_op, feed_dict={X: data_x[300:], Y: data_y[300:]}))
    print("accuracy: %.3f" % sess.run(accuracy, feed_dict={X: data_x[300:], Y: data_y[300:]}))
