"""The notes application: one model, a JSON API, a health endpoint."""
