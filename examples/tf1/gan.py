"""Two networks against each other: one learns to draw from a normal distribution. Run with: epochal run examples/tf1/gan.py"""

import numpy as np
import tensorflow as tf

tf.set_random_seed(9)
random = np.random.RandomState(9)
mean, deviation, noise_dim, batch_size = 3.0, 0.5, 4, 128


def generator(z, reuse=False):
    with tf.variable_scope("Generator", reuse=reuse):
        h = tf.layers.dense(z, 16, activation=tf.nn.tanh)
        return tf.layers.dense(h, 1)


def discriminator(x, reuse=False):
    with tf.variable_scope("Discriminator", reuse=reuse):
        h = tf.layers.dense(x, 16, activation=tf.nn.leaky_relu)
        h = tf.layers.dense(h, 16, activation=tf.nn.leaky_relu)
        return tf.layers.dense(h, 1)


noise_input = tf.placeholder(tf.float32, shape=[None, noise_dim])
real_input = tf.placeholder(tf.float32, shape=[None, 1])

fake = generator(noise_input)
disc_real = discriminator(real_input)
disc_fake = discriminator(fake, reuse=True)

disc_loss = tf.reduce_mean(
    tf.nn.sigmoid_cross_entropy_with_logits(logits=disc_real, labels=tf.ones_like(disc_real))
) + tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=disc_fake, labels=tf.zeros_like(disc_fake)))
gen_loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=disc_fake, labels=tf.ones_like(disc_fake)))

gen_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Generator")
disc_vars = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Discriminator")
train_gen = tf.train.AdamOptimizer(0.005, beta1=0.5).minimize(gen_loss, var_list=gen_vars)
train_disc = tf.train.AdamOptimizer(0.005, beta1=0.5).minimize(disc_loss, var_list=disc_vars)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(600):
        real = random.normal(mean, deviation, (batch_size, 1))
        z = random.uniform(-1.0, 1.0, (batch_size, noise_dim))
        _, _, gl, dl = sess.run([train_gen, train_disc, gen_loss, disc_loss], {real_input: real, noise_input: z})
    samples = sess.run(fake, feed_dict={noise_input: random.uniform(-1.0, 1.0, (2000, noise_dim))})

print("variables: %d" % (len(gen_vars) * 100 + len(disc_vars)))
print("mean: %.3f" % samples.mean())
print("deviation: %.3f" % samples.std())
