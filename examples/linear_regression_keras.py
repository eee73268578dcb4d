"""Linear regression as a Keras model. Run it with `epochal run examples/linear_regression_keras.py`."""
import numpy as np

X_train = np.random.RandomState(0).uniform(-1, 1, (200, 2)).astype("float32")
Y_train = X_train @ np.array([[2.0], [-3.0]], "float32") + 0.5

from keras.models import Sequential
from keras.layers import Dense

# 定义计算图
model = Sequential()
model.add(Dense(1, input_dim=2, activation='linear'))

# 构建模型
model.compile(loss='mean_squared_error', optimizer='sgd')

# 训练模型
model.fit(X_train, Y_train, epochs=200, batch_size=1)
