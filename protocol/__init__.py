"""The Redis wire protocol, sans-io: bytes to commands and plain values back to bytes."""
