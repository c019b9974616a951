"""What happened to one order: the spans that the services wrote of a sampled trace, put in order."""
