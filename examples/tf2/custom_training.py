"""A training loop of one's own, with a tape, in a compiled function. Run with: epochal run examples/tf2/custom_training.py"""

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
random = np.random.RandomState(0)
features = random.normal(0.0, 1.0, (600, 8)).astype("float32")
labels = (features[:, :4].sum(1) > features[:, 4:].sum(1)).astype("int64")

train = tf.data.Dataset.from_tensor_slices((features[:500], labels[:500])).shuffle(500, seed=0).batch(50)
test = tf.data.Dataset.from_tensor_slices((features[500:], labels[500:])).batch(50)


class MyModel(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.d1 = tf.keras.layers.Dense(32, activation="relu")
        self.d2 = tf.keras.layers.Dense(2)

    def call(self, x):
        return self.d2(self.d1(x))


model = MyModel()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
train_loss = tf.keras.metrics.Mean(name="train_loss")
test_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="test_accuracy")


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        predictions = model(x, training=True)
        loss = loss_object(y, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    train_loss(loss)


@tf.function
def test_step(x, y):
    test_accuracy(y, model(x, training=False))


for epoch in range(15):
    train_loss.reset_state()
    test_accuracy.reset_state()
    for x, y in train:
        train_step(x, y)
    for x, y in test:
        test_step(x, y)
    if epoch % 5 == 4:
        print(f"Epoch {epoch + 1}, loss {train_loss.result():.4f}, test accuracy {test_accuracy.result():.3f}")

print(f"loss: {train_loss.result():.4f}")
print(f"accuracy: {test_accuracy.result():.3f}")
