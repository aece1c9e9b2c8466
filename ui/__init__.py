"""What an examiner sees; one file a tab."""
