"""The Kubernetes operator: it reconciles ``TrainingRun`` resources into Jobs."""
