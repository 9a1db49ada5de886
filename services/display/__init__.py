"""View -> display -> users and programs: smooths readings over time, joins digits into numbers, shows them."""
