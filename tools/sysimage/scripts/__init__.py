"""A POSIX shell whose whole world is given to it: it runs no program and reads nothing of the host."""
