"""Pipecat's phone bot, in a separate environment, measured in the same run as ours."""
