"""The operator on a real API server. Its programs end with these tests, not with the session."""
