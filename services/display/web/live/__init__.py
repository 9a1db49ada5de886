"""The live view: every open browser gets new pictures as fast as it paints them."""
