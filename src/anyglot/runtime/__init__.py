"""Files, locks, signals, progress and what was measured on this machine; knows neither languages nor tensors."""
