"""Results where people already look: experiment trackers, Optuna's dashboard, model cards."""
