"""Pure sound: formats, frames, levels, resampling. No I/O, no clock."""
