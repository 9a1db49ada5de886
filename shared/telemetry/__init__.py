"""What processes report: metrics, health and spans; and how these are scraped and summed up."""
