"""The service: reads figures, publishes forecasts and answers questions."""
