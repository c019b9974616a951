"""A shop on this machine: its databases, roles, topics and processes, and what is known about a running one."""
