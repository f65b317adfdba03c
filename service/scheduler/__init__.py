"""The scheduler: runs jobs at their times and the jobs requested over the API."""
