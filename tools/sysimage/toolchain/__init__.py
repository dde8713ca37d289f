"""Phase toolchain: locked compilers and other programs, so that they run on any host."""
