"""Understanding: encoders fine-tuned on tasks, their predictions, and whole suites of tasks with a report."""
