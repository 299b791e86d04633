"""Speech for the stand-ins: synthesis, recognition, voice activity, and whether it is intact."""
