"""Pipecat's phone bot, in an environment of its own, to be measured beside ours."""
