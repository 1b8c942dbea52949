"""The running operator: informers, workers and pools, its metrics, log and HTTP endpoints."""
