"""The pages, a section of the site each."""
