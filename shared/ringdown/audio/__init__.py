"""Telephone audio: rates, levels, fades."""
