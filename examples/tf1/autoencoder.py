"""An autoencoder of two layers each way. Run with: epochal run examples/tf1/autoencoder.py"""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(8)
codes = random.normal(0.0, 1.0, (600, 3))
mixing = random.normal(0.0, 1.0, (3, 20))
data = (1.0 / (1.0 + np.exp(-codes @ mixing))).astype("float32")

num_input, num_hidden_1, num_hidden_2 = 20, 12, 4
X = tf.placeholder("float", [None, num_input])


def normal(*shape):
    return random.normal(0.0, 0.4, shape).astype("float32")


weights = {
    "encoder_h1": tf.Variable(normal(num_input, num_hidden_1)),
    "encoder_h2": tf.Variable(normal(num_hidden_1, num_hidden_2)),
    "decoder_h1": tf.Variable(normal(num_hidden_2, num_hidden_1)),
    "decoder_h2": tf.Variable(normal(num_hidden_1, num_input)),
}
biases = {
    "encoder_b1": tf.Variable(normal(num_hidden_1)),
    "encoder_b2": tf.Variable(normal(num_hidden_2)),
    "decoder_b1": tf.Variable(normal(num_hidden_1)),
    "decoder_b2": tf.Variable(normal(num_input)),
}


def encoder(x):
    layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))


def decoder(x):
    layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))


y_pred = decoder(encoder(X))
loss = tf.reduce_mean(tf.pow(X - y_pred, 2))
optimizer = tf.train.RMSPropOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print("first loss: %.6f" % sess.run(loss, feed_dict={X: data}))
    for epoch in range(30):
        for start in range(0, 600, 100):
            _, l = sess.run([optimizer, loss], feed_dict={X: data[start : start + 100]})
        if epoch == 4:
            print("early loss: %.6f" % sess.run(loss, feed_dict={X: data}))
    print("loss: %.5f" % sess.run(loss, feed_dict={X: data}))
