"""One fault a function. Each makes a cluster of its own on the run's servers, and shows that its fault bit."""
