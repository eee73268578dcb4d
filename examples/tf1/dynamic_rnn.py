"""A GRU over sequences of different lengths. Run with: epochal run examples/tf1/dynamic_rnn.py"""

import numpy as np
import tensorflow as tf

tf.set_random_seed(7)
random = np.random.RandomState(7)

seq_max_len, n_hidden = 12, 16
lengths = random.randint(4, seq_max_len + 1, 400)
classes = random.randint(0, 2, 400)
data = np.zeros((400, seq_max_len, 1), "float32")
for i in range(400):
    start = random.uniform(0.0, 0.4)
    line = start + 0.05 * np.arange(lengths[i])
    data[i, : lengths[i], 0] = line if classes[i] else random.permutation(line)

x = tf.placeholder("float", [None, seq_max_len, 1])
y = tf.placeholder(tf.int32, [None])
seqlen = tf.placeholder(tf.int32, [None])

cell = tf.nn.rnn_cell.GRUCell(n_hidden)
outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32, sequence_length=seqlen)

# The output at the last step of each sequence, picked out of all outputs.
batch_size = tf.shape(outputs)[0]
index = tf.range(0, batch_size) * seq_max_len + (seqlen - 1)
last = tf.gather(tf.reshape(outputs, [-1, n_hidden]), index)

logits = tf.layers.dense(last, 2, name="out")
loss_op = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
optimizer = tf.train.AdamOptimizer(0.02)
grads, _ = tf.clip_by_global_norm(tf.gradients(loss_op, tf.trainable_variables()), 5.0)
train_op = optimizer.apply_gradients(zip(grads, tf.trainable_variables()))
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(120):
        batch = slice(step * 50 % 300, step * 50 % 300 + 50)
        sess.run(train_op, {x: data[batch], y: classes[batch], seqlen: lengths[batch]})
    test = {x: data[300:], y: classes[300:], seqlen: lengths[300:]}
    print("loss: %.4f" % sess.run(loss_op, test))
    print("accuracy: %.3f" % sess.run(accuracy, test))
    print("state error: %.7f" % np.abs(sess.run(last, test) - sess.run(state, test)).max())
