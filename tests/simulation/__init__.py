"""A cluster in one process and on simulated time, for schedules that no real cluster can be made to repeat.

``api_server`` is an API server in memory. It passes the same contract tests as the real one (``test_api_contract``).
Real kubelets, schedulers and clouds do not belong here: ``world`` plays as much of them as an operator sees.
"""
