"""Reading topics again: to build a read model anew, prove that it equals the live one, and swap."""
