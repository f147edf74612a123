"""The `puhui` command: one file a command group; each command parses, calls one service and prints."""
