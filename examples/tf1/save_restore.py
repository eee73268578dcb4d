"""Variables saved while training, and restored in another session. Run with: epochal run examples/tf1/save_restore.py"""

import os
import tempfile

import numpy as np
import tensorflow as tf

random = np.random.RandomState(10)
data_x = random.normal(0.0, 1.0, (200, 5)).astype("float32")
data_y = data_x @ random.normal(0.0, 1.0, (5, 1)).astype("float32") + 0.3

x = tf.placeholder(tf.float32, [None, 5])
y = tf.placeholder(tf.float32, [None, 1])
w = tf.get_variable("w", initializer=np.zeros((5, 1), "float32"))
b = tf.get_variable("b", initializer=np.zeros(1, "float32"))
global_step = tf.Variable(0, trainable=False, name="global_step")
loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
train = tf.train.MomentumOptimizer(0.05, 0.9).minimize(loss, global_step=global_step)

saver = tf.train.Saver(max_to_keep=3)
feed = {x: data_x, y: data_y}

with tempfile.TemporaryDirectory() as folder:
    model_path = os.path.join(folder, "model.ckpt")

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(50):
            sess.run(train, feed)
            if step % 10 == 9:
                save_path = saver.save(sess, model_path, global_step=global_step)
        print("loss: %.9f" % sess.run(loss, feed))
        before = sess.run([w, b])

    with tf.Session() as sess:
        saver.restore(sess, tf.train.latest_checkpoint(folder))
        after = sess.run([w, b])
        print("step: %d" % sess.run(global_step))
        print("difference: %.9f" % max(np.abs(p - q).max() for p, q in zip(before, after)))
        # The optimizer's momentum came back too: training goes on as if it had not been interrupted.
        for step in range(50):
            sess.run(train, feed)
        print("final loss: %.12f" % sess.run(loss, feed))

    print("kept: %d" % len(saver.last_checkpoints))
    print("latest: %s" % os.path.basename(save_path))
