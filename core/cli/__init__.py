"""The command line: parser, shared options, text output."""
