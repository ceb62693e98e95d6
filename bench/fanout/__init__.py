"""Table 7, fan-out: one event to many clients, by us, by rivals, and by a floor in C."""
