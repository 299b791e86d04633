"""What every deployable of Ringdown shares: records, store ports, tokens, logging, errors."""
