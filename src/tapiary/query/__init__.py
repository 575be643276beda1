"""NQL: text in, one typed SQL expression out. Pure: it knows neither tables nor servers."""
