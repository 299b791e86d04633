"""Whether anything leaks: many calls, faults at random, and what each process holds."""
