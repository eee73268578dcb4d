"""Logistic regression by softmax and cross-entropy. Run with: epochal run examples/tf1/logistic_regression.py"""

import numpy as np
import tensorflow as tf

learning_rate = 0.5
training_epochs = 20
batch_size = 50

random = np.random.RandomState(1)
centres = random.normal(0.0, 1.0, (10, 64))
labels = random.randint(0, 10, 1200)
images = np.clip(centres[labels] * 0.3 + 0.5 + random.normal(0.0, 0.3, (1200, 64)), 0.0, 1.0).astype("float32")
one_hot = np.eye(10, dtype="float32")[labels]
train_x, train_y, test_x, test_y = images[:1000], one_hot[:1000], images[1000:], one_hot[1000:]

x = tf.placeholder(tf.float32, [None, 64])
y = tf.placeholder(tf.float32, [None, 10])

W = tf.Variable(tf.zeros([64, 10]))
b = tf.Variable(tf.zeros([10]))

pred = tf.nn.softmax(tf.matmul(x, W) + b)
cost = tf.reduce_mean(-tf.reduce_sum(y * tf.log(pred), reduction_indices=1))
optimizer = tf.train.GradientDescentOptimizer(learning_rate).minimize(cost)

correct_prediction = tf.equal(tf.argmax(pred, 1), tf.argmax(y, 1))
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(training_epochs):
        avg_cost = 0.0
        total_batch = len(train_x) // batch_size
        for i in range(total_batch):
            batch_xs = train_x[i * batch_size : (i + 1) * batch_size]
            batch_ys = train_y[i * batch_size : (i + 1) * batch_size]
            _, c = sess.run([optimizer, cost], feed_dict={x: batch_xs, y: batch_ys})
            avg_cost += c / total_batch
        if (epoch + 1) % 5 == 0:
            print("Epoch %04d cost= %.6f" % (epoch + 1, avg_cost))
    print("loss: %.7f" % avg_cost)
    print("accuracy: %.4f" % accuracy.eval({x: test_x, y: test_y}))
