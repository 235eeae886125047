"""The end-to-end tests. Each file has a list TESTS of (name, function(context))."""
