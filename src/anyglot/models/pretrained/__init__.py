"""Other people's checkpoints: reversible rename tables, loading with distrust, saving back."""
