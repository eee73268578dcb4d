"""A perceptron of two hidden layers. Run with: epochal run examples/tf1/multilayer_perceptron.py"""

import numpy as np
import tensorflow as tf

learning_rate = 0.001
training_epochs = 15
batch_size = 100
n_hidden_1 = n_hidden_2 = 32
n_input, n_classes = 2, 3

random = np.random.RandomState(4)
classes = random.randint(0, n_classes, 1500)
angle = classes * 2.0 * np.pi / n_classes + random.uniform(0.2, 2.2, 1500)
radius = np.linspace(0.2, 1.5, 1500)
features = np.stack([radius * np.cos(angle + radius), radius * np.sin(angle + radius)], 1).astype("float32")
order = random.permutation(1500)
data_x, data_y = features[order], np.eye(n_classes, dtype="float32")[classes[order]]

X = tf.placeholder("float", [None, n_input])
Y = tf.placeholder("float", [None, n_classes])


def normal(*shape):
    return random.normal(0.0, 0.5, shape).astype("float32")


weights = {
    "h1": tf.Variable(normal(n_input, n_hidden_1)),
    "h2": tf.Variable(normal(n_hidden_1, n_hidden_2)),
    "out": tf.Variable(normal(n_hidden_2, n_classes)),
}
biases = {
    "b1": tf.Variable(normal(n_hidden_1)),
    "b2": tf.Variable(normal(n_hidden_2)),
    "out": tf.Variable(normal(n_classes)),
}


def multilayer_perceptron(x):
    layer_1 = tf.nn.relu(tf.add(tf.matmul(x, weights["h1"]), biases["b1"]))
    layer_2 = tf.nn.relu(tf.add(tf.matmul(layer_1, weights["h2"]), biases["b2"]))
    return tf.matmul(layer_2, weights["out"]) + biases["out"]


logits = multilayer_perceptron(X)
loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=Y))
train_op = tf.train.AdamOptimizer(learning_rate=learning_rate, epsilon=1e-3).minimize(loss_op)
correct = tf.equal(tf.argmax(tf.nn.softmax(logits), 1), tf.argmax(Y, 1))
accuracy = tf.reduce_mean(tf.cast(correct, "float"))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(training_epochs):
        for start in range(0, 1500, batch_size):
            batch = {X: data_x[start : start + batch_size], Y: data_y[start : start + batch_size]}
            sess.run([train_op, loss_op], feed_dict=batch)
    everything = {X: data_x, Y: data_y}
    print("loss: %.6f" % sess.run(loss_op, everything))
    print("accuracy: %.3f" % accuracy.eval(everything))
