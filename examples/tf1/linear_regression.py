"""Linear regression, one sample at a time. Run with: epochal run examples/tf1/linear_regression.py"""

import numpy as np
import tensorflow as tf

learning_rate = 0.01
training_epochs = 400
display_step = 100

random = np.random.RandomState(0)
train_x = np.linspace(1.0, 10.0, 17)
train_y = 0.25 * train_x + 0.8 + random.normal(0.0, 0.05, 17)
n_samples = train_x.shape[0]

X = tf.placeholder("float")
Y = tf.placeholder("float")

W = tf.Variable(0.3, name="weight")
b = tf.Variable(-0.2, name="bias")

pred = tf.add(tf.multiply(X, W), b)
cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * n_samples)
optimizer = tf.train.GradientDescentOptimizer(learning_rate).minimize(cost)

init = tf.global_variables_initializer()

with tf.Session() as sess:
    sess.run(init)
    for epoch in range(training_epochs):
        for (x, y) in zip(train_x, train_y):
            sess.run(optimizer, feed_dict={X: x, Y: y})
        if (epoch + 1) % display_step == 0:
            c = sess.run(cost, feed_dict={X: train_x, Y: train_y})
            print("Epoch %04d cost=%.9f W=%.5f b=%.5f" % (epoch + 1, c, sess.run(W), sess.run(b)))

    print("loss: %.9f" % sess.run(cost, feed_dict={X: train_x, Y: train_y}))
    print("weight: %.7f" % sess.run(W))
    print("bias: %.7f" % sess.run(b))
