"""Linear regression as a TensorFlow 1 graph. Run it with `epochal run examples/linear_regression_tf1.py`."""
import numpy as np

X_train = np.random.RandomState(0).uniform(-1, 1, (200, 2)).astype("float32")
Y_train = X_train @ np.array([[2.0], [-3.0]], "float32") + 0.5

import tensorflow as tf

# 定义计算图
x = tf.placeholder(tf.float32, shape=[None, 2])
y = tf.placeholder(tf.float32, shape=[None, 1])

# 构建模型
W = tf.Variable(tf.random_normal([2, 1]), name='weights')
b = tf.Variable(tf.random_normal([1]), name='biases')
y_pred = tf.matmul(x, W) + b

# 定义损失函数
loss = tf.reduce_mean(tf.square(y_pred - y))

# 定义优化器
optimizer = tf.train.GradientDescentOptimizer(0.01).minimize(loss)

# 训练模型
init = tf.global_variables_initializer()
with tf.Session() as sess:
    sess.run(init)
    for step in range(201):
        sess.run(optimizer, feed_dict={x: X_train, y: Y_train})
