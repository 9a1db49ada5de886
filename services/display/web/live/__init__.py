"""The live view: what is new goes to every browser that looks, as fast as each of them paints it."""
