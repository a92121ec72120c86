"""The demonstration: real hotel bookings through a bare and a guarded model, act by act."""
