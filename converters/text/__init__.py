"""Notes -> the part ``text``: an Embedding and an LSTM over what is written about a patient."""
