"""Several hosts on this machine: network namespaces for links, time namespaces for clocks. For Linux, as root."""
