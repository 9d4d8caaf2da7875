"""What was measured, for people: Markdown, plots, one page of HTML."""
