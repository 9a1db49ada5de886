"""View -> display -> a person or a program: smooths readings over time, joins digits into numbers, shows them."""
