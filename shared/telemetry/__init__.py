"""What processes report: metrics, health and spans; and the code that scrapes and summarizes them."""
