"""Agent: one turn, from the question to the stored answer; prompt building is pure."""
