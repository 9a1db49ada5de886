"""What digitcam top, doctor and trace are made of: numbers scraped from every process, and what they mean."""
