"""What tests start and stop: real servers on free ports in temporary folders."""
