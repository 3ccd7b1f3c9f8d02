"""What each method does: one file per method or report, from a request to its answer."""
