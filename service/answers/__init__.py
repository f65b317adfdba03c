"""Answers to planners' questions, one per module. JSON, page, mail and Grafana all use them."""
