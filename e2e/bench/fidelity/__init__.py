"""How near the simulated replica comes to a real engine: fitted in three runs, it foretells others."""
