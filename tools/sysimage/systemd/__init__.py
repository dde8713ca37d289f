"""What systemctl does to a tree, and the programs that units start."""
