"""Speech for the stand-ins: synthesis, recognition, voice activity, and integrity checks."""
